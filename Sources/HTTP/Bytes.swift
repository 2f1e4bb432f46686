/// The character classes of RFC 9110 §5.6, one bit each, looked up by byte.
package enum ByteClass {
    @inlinable @inline(__always) package static var token: UInt8 { 1 }
    @inlinable @inline(__always) package static var fieldValue: UInt8 { 2 }

    /// The table is allocated once and never freed or written again, so reading it from any thread is sound.
    package nonisolated(unsafe) static let table: UnsafePointer<UInt8> = {
        let table = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        table.initialize(repeating: 0, count: 256)
        for byte in 0...255 {
            let character = UInt8(byte)
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"):
                table[byte] |= token
            default: break
            }
            // VCHAR, SP, HTAB and obs-text; every control character but HTAB is refused (RFC 9110 §5.5).
            if character == 9 || (character >= 0x20 && character != 0x7f) { table[byte] |= fieldValue }
        }
        for mark in "!#$%&'*+-.^_`|~".utf8 { table[Int(mark)] |= token }
        return UnsafePointer(table)
    }()
}

extension UnsafeBufferPointer where Element == UInt8 {
    @inlinable @inline(__always)
    package func slice(_ start: UInt32, _ length: UInt32) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: self[Int(start)..<Int(start) + Int(length)])
    }

    /// Whether this is a token (RFC 9110 §5.6.2): at least one character, none of them a delimiter.
    package var isToken: Bool {
        let table = ByteClass.table
        return !isEmpty && allSatisfy { table[Int($0)] & ByteClass.token != 0 }
    }

    /// Whether this may stand as a field value: no control characters but HTAB.
    package var isFieldValue: Bool {
        let table = ByteClass.table
        return allSatisfy { table[Int($0)] & ByteClass.fieldValue != 0 }
    }
}

/// ASCII comparison without regard to case; both sides must be equally long.
@inlinable @inline(__always)
package func equalIgnoringCase(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count {
        let a = left[index]
        let b = right[index]
        if a == b { continue }
        let folded = a | 0x20
        guard folded == b | 0x20, folded >= UInt8(ascii: "a"), folded <= UInt8(ascii: "z") else { return false }
    }
    return true
}
