/// Walks over JSON bytes and checks them strictly (RFC 8259) without building anything. A long string, such as an
/// image in base64, is passed over 32 bytes at a time.
struct JSONScanner {
    let input: UnsafeBufferPointer<UInt8>
    var position: Int
    let limits: JSONLimits
    private(set) var values = 0

    init(_ input: UnsafeBufferPointer<UInt8>, from position: Int = 0, limits: JSONLimits) {
        self.input = input
        self.position = position
        self.limits = limits
    }

    /// A string as found: where its content lies, and whether it has to be unescaped.
    struct Text {
        let range: Range<Int>
        let hasEscapes: Bool
    }

    /// A number as found.
    struct Number {
        let range: Range<Int>
        let isInteger: Bool
    }

    @inline(__always)
    mutating func skipSpace() {
        while position < input.count {
            switch input[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    /// The next byte that is not white space, left in place.
    @inline(__always)
    mutating func peek() throws(JSONError) -> UInt8 {
        skipSpace()
        guard position < input.count else { throw fault(.unexpectedEnd) }
        return input[position]
    }

    mutating func expect(_ byte: UInt8) throws(JSONError) {
        let found = try peek()
        guard found == byte else { throw fault(.unexpectedByte(found)) }
        position += 1
    }

    mutating func expectEnd() throws(JSONError) {
        skipSpace()
        guard position == input.count else { throw fault(.trailingBytes) }
    }

    mutating func countValue() throws(JSONError) {
        values += 1
        guard values <= limits.values else { throw fault(.tooMany(limit: limits.values)) }
    }

    mutating func literal(_ word: StaticString) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < input.count else { throw fault(.unexpectedEnd) }
            guard input[position] == word.utf8Start[index] else { throw fault(.unexpectedByte(input[position])) }
            position += 1
        }
    }

    mutating func number() throws(JSONError) -> Number {
        let start = position
        var isInteger = true
        if input[position] == UInt8(ascii: "-") { position += 1 }
        let firstDigit = position
        guard skipDigits() else { throw fault(position < input.count ? .badNumber : .unexpectedEnd) }
        if input[firstDigit] == UInt8(ascii: "0"), position - firstDigit > 1 {
            throw JSONError(reason: .badNumber, offset: firstDigit)
        }
        if position < input.count, input[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            guard skipDigits() else { throw fault(.badNumber) }
        }
        if position < input.count, input[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            if position < input.count, input[position] == UInt8(ascii: "+") || input[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard skipDigits() else { throw fault(.badNumber) }
        }
        return Number(range: start..<position, isInteger: isInteger)
    }

    private mutating func skipDigits() -> Bool {
        let start = position
        while position < input.count, input[position] &- UInt8(ascii: "0") <= 9 { position += 1 }
        return position > start
    }

    /// Passes over a string; `position` is at its opening quote.
    mutating func string() throws(JSONError) -> Text {
        position += 1
        let start = position
        var hasEscapes = false
        while true {
            skipPlain()
            guard position < input.count else { throw fault(.unexpectedEnd) }
            let byte = input[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                return Text(range: start..<position - 1, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try escape()
            case 0..<0x20: throw fault(.controlCharacter)
            default:
                guard let length = sequenceLength() else { throw fault(.notUTF8) }
                position += length
            }
        }
    }

    /// Moves to the next byte that needs a look: quote, backslash, control character or not ASCII.
    @inline(__always)
    private mutating func skipPlain() {
        let base = UnsafeRawPointer(input.baseAddress)
        guard let base else { return }
        let quote = SIMD32<UInt8>(repeating: UInt8(ascii: "\""))
        let backslash = SIMD32<UInt8>(repeating: UInt8(ascii: "\\"))
        // One comparison finds both ends: below 0x20 wraps to 0xe0 and up, 0x80 and up becomes 0x60 and up.
        let space = SIMD32<UInt8>(repeating: 0x20)
        let limit = SIMD32<UInt8>(repeating: 0x60)
        while position + 32 <= input.count {
            let block = base.loadUnaligned(fromByteOffset: position, as: SIMD32<UInt8>.self)
            let marks = (block .== quote) .| (block .== backslash) .| ((block &- space) .>= limit)
            if any(marks) { break }
            position += 32
        }
        while position < input.count {
            let byte = input[position]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 || byte >= 0x80 { return }
            position += 1
        }
    }

    private mutating func escape() throws(JSONError) {
        guard position + 1 < input.count else {
            position = input.count
            throw fault(.unexpectedEnd)
        }
        switch input[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            let unit = try codeUnit(at: position)
            let isHigh = 0xd800...0xdbff ~= unit
            if isHigh, position + 7 < input.count, input[position + 6] == UInt8(ascii: "\\"),
                input[position + 7] == UInt8(ascii: "u"), 0xdc00...0xdfff ~= (try codeUnit(at: position + 6))
            {
                position += 12
            } else if 0xd800...0xdfff ~= unit, limits.loneSurrogates == .refused {
                throw fault(.loneSurrogate)
            } else {
                position += 6
            }
        default: throw fault(.badEscape)
        }
    }

    /// The four digits of the `\uXXXX` that starts at `start`.
    func codeUnit(at start: Int) throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for index in start + 2..<start + 6 {
            guard index < input.count else { throw JSONError(reason: .unexpectedEnd, offset: input.count) }
            guard let digit = hexValue(input[index]) else { throw JSONError(reason: .badEscape, offset: start) }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    /// The length of the UTF-8 sequence at `position`, or `nil` if it is not one (RFC 3629 §4).
    private func sequenceLength() -> Int? {
        let first = input[position]
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0xc2...0xdf: (2, 0x80...0xbf)
            case 0xe0: (3, 0xa0...0xbf)
            case 0xed: (3, 0x80...0x9f)
            case 0xe1...0xef: (3, 0x80...0xbf)
            case 0xf0: (4, 0x90...0xbf)
            case 0xf1...0xf3: (4, 0x80...0xbf)
            case 0xf4: (4, 0x80...0x8f)
            default: (0, 0...0)
            }
        guard length > 0, position + length <= input.count, second.contains(input[position + 1]) else { return nil }
        for index in position + 2..<position + max(length, 2) where input[index] & 0xc0 != 0x80 { return nil }
        return length
    }

    /// Passes over one value of any kind, checking all of it.
    mutating func skipValue(depth: Int = 0) throws(JSONError) {
        try countValue()
        switch try peek() {
        case UInt8(ascii: "{"):
            try eachMember(depth: depth) { scanner, _ throws(JSONError) in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "["):
            try eachElement(depth: depth) { scanner throws(JSONError) in try scanner.skipValue(depth: depth + 1) }
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): _ = try number()
        case let byte: throw fault(.unexpectedByte(byte))
        }
    }

    /// Walks the array at `position`; `element` must consume one value.
    @inline(__always)
    mutating func eachElement(
        depth: Int, _ element: (inout JSONScanner) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard depth < limits.depth else { throw fault(.tooDeep(limit: limits.depth)) }
        position += 1
        if try peek() == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            try element(&self)
            let next = try peek()
            guard next == UInt8(ascii: ",") || next == UInt8(ascii: "]") else { throw fault(.unexpectedByte(next)) }
            position += 1
            if next == UInt8(ascii: "]") { return }
        }
    }

    /// Walks the object at `position`; `member` is given each name and must consume one value.
    @inline(__always)
    mutating func eachMember(
        depth: Int, _ member: (inout JSONScanner, Text) throws(JSONError) -> Void
    ) throws(JSONError) {
        guard depth < limits.depth else { throw fault(.tooDeep(limit: limits.depth)) }
        position += 1
        if try peek() == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            let quote = try peek()
            guard quote == UInt8(ascii: "\"") else { throw fault(.unexpectedByte(quote)) }
            let name = try string()
            try expect(UInt8(ascii: ":"))
            try member(&self, name)
            let next = try peek()
            guard next == UInt8(ascii: ",") || next == UInt8(ascii: "}") else { throw fault(.unexpectedByte(next)) }
            position += 1
            if next == UInt8(ascii: "}") { return }
        }
    }

    /// The text of a string found before. Half a surrogate pair becomes U+FFFD.
    func text(_ found: Text) throws(JSONError) -> String {
        let raw = UnsafeBufferPointer(rebasing: input[found.range])
        guard found.hasEscapes else { return String(decoding: raw, as: UTF8.self) }
        return String(decoding: try unescaped(found.range), as: UTF8.self)
    }

    func unescaped(_ range: Range<Int>) throws(JSONError) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard input[index] == UInt8(ascii: "\\") else {
                output.append(input[index])
                index += 1
                continue
            }
            let letter = input[index + 1]
            guard letter == UInt8(ascii: "u") else {
                output.append(Self.plain(letter))
                index += 2
                continue
            }
            var units = [try codeUnit(at: index)]
            index += 6
            if 0xd800...0xdbff ~= units[0], index + 6 <= range.upperBound, input[index] == UInt8(ascii: "\\"),
                input[index + 1] == UInt8(ascii: "u")
            {
                let low = try codeUnit(at: index)
                if 0xdc00...0xdfff ~= low {
                    units.append(low)
                    index += 6
                }
            }
            output.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
        }
        return output
    }

    private static func plain(_ letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        default: letter
        }
    }

    func fault(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, offset: position) }
}

/// The value of a hexadecimal digit, either case.
@inline(__always)
private func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
