/// Base64 (RFC 4648 §4), strict: padding is wanted, and the bits it leaves over must be zero, so one sequence of
/// bytes has one spelling.
package enum Base64 {
    package enum Space: Sendable {
        /// Any character outside the alphabet is an error.
        case refused
        /// Line breaks, tabs and blanks are passed over, as MIME wants.
        case ignored
    }

    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: encodedBytes(bytes), as: UTF8.self)
    }

    package static func encodedBytes(_ bytes: some Collection<UInt8>) -> [UInt8] {
        bytes.withContiguousStorageIfAvailable(encode) ?? Array(bytes).withUnsafeBufferPointer(encode)
    }

    /// The decoded bytes, or `nil` when `text` is not base64.
    package static func decode(_ text: String, space: Space = .refused) -> [UInt8]? {
        var text = text
        return text.withUTF8 { decode($0, space: space) }
    }

    package static func decode(_ bytes: some Collection<UInt8>, space: Space = .refused) -> [UInt8]? {
        if let result = bytes.withContiguousStorageIfAvailable({ decode($0, space: space) }) { return result }
        return Array(bytes).withUnsafeBufferPointer { decode($0, space: space) }
    }

    private static func encode(_ input: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        let alphabet = alphabet
        return [UInt8](unsafeUninitializedCapacity: (input.count + 2) / 3 * 4) { output, count in
            var index = 0
            while index + 3 <= input.count {
                let word = UInt32(input[index]) << 16 | UInt32(input[index + 1]) << 8 | UInt32(input[index + 2])
                output[count] = alphabet[Int(word >> 18)]
                output[count + 1] = alphabet[Int(word >> 12 & 63)]
                output[count + 2] = alphabet[Int(word >> 6 & 63)]
                output[count + 3] = alphabet[Int(word & 63)]
                index += 3
                count += 4
            }
            let rest = input.count - index
            guard rest > 0 else { return }
            let word = UInt32(input[index]) << 16 | (rest == 2 ? UInt32(input[index + 1]) << 8 : 0)
            output[count] = alphabet[Int(word >> 18)]
            output[count + 1] = alphabet[Int(word >> 12 & 63)]
            output[count + 2] = rest == 2 ? alphabet[Int(word >> 6 & 63)] : UInt8(ascii: "=")
            output[count + 3] = UInt8(ascii: "=")
            count += 4
        }
    }

    private static func decode(_ input: UnsafeBufferPointer<UInt8>, space: Space) -> [UInt8]? {
        if space == .ignored, input.contains(where: isSpace) {
            return input.filter { !isSpace($0) }.withUnsafeBufferPointer { decode($0, space: .refused) }
        }
        guard input.count % 4 == 0 else { return nil }
        guard let last = input.last else { return [] }
        let padding = last != UInt8(ascii: "=") ? 0 : input[input.count - 2] != UInt8(ascii: "=") ? 1 : 2
        let tables = tables
        let whole = padding == 0 ? input.count : input.count - 4
        var isValid = true
        let output = [UInt8](unsafeUninitializedCapacity: input.count / 4 * 3) { output, count in
            var index = 0
            var bad: UInt32 = 0
            // Each of the four tables holds a character's bits where they belong in the word, and the top bit set
            // for a character that is none, so one test after the loop finds any mistake.
            while index < whole {
                let word =
                    tables[Int(input[index])] | tables[256 + Int(input[index + 1])]
                    | tables[512 + Int(input[index + 2])] | tables[768 + Int(input[index + 3])]
                bad |= word
                output[count] = UInt8(truncatingIfNeeded: word >> 16)
                output[count + 1] = UInt8(truncatingIfNeeded: word >> 8)
                output[count + 2] = UInt8(truncatingIfNeeded: word)
                index += 4
                count += 3
            }
            if padding > 0 {
                var word = tables[Int(input[index])] | tables[256 + Int(input[index + 1])]
                if padding == 1 { word |= tables[512 + Int(input[index + 2])] }
                bad |= word
                // The bits that padding leaves over must be zero (RFC 4648 §3.5).
                if word & (padding == 1 ? 0xff : 0xffff) != 0 { bad |= 1 << 31 }
                output[count] = UInt8(truncatingIfNeeded: word >> 16)
                count += 1
                if padding == 1 {
                    output[count] = UInt8(truncatingIfNeeded: word >> 8)
                    count += 1
                }
            }
            if bad >> 31 != 0 {
                isValid = false
                count = 0
            }
        }
        return isValid ? output : nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }

    // Both tables are allocated once and never freed or written again, so reading them from any thread is sound.

    private nonisolated(unsafe) static let alphabet: UnsafePointer<UInt8> = {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 64)
        table.initialize(from: letters, count: 64)
        return UnsafePointer(table)
    }()

    private nonisolated(unsafe) static let tables: UnsafePointer<UInt32> = {
        let tables = UnsafeMutablePointer<UInt32>.allocate(capacity: 1024)
        tables.initialize(repeating: 1 << 31, count: 1024)
        for value in 0..<64 {
            for place in 0..<4 {
                tables[place * 256 + Int(alphabet[value])] = UInt32(value) << UInt32(18 - 6 * place)
            }
        }
        return UnsafePointer(tables)
    }()
}
