import HTTP

/// The syntax of an authority in a request: `uri-host [ ":" port ]` (RFC 9110 §7.2, RFC 3986 §3.2), without user
/// information. What names a host here may be logged, compared and put into URLs, so nothing else gets past.
enum HostSyntax {
    /// An empty value is allowed: RFC 9112 §3.2 asks for it where the target has no authority.
    @inline(__always)
    static func isValid(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let first = value.first else { return true }
        var index = 0
        if first == UInt8(ascii: "[") {
            guard let end = value.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let literal = String(decoding: UnsafeBufferPointer(rebasing: value[...end]), as: UTF8.self)
            guard NetworkAddress(literal) != nil else { return false }
            index = end + 1
        } else {
            while index < value.count, isNameCharacter(value[index]) { index += 1 }
            if index == 0 { return false }
            if !percentsAreWhole(value, upTo: index) { return false }
        }
        if index == value.count { return true }
        guard value[index] == UInt8(ascii: ":") else { return false }
        let port = UnsafeBufferPointer(rebasing: value[(index + 1)...])
        return port.isEmpty || (port.count <= 5 && (FramingRules.number(port) ?? .max) <= 65_535)
    }

    /// `reg-name` (RFC 3986 §3.2.2): unreserved, sub-delims and escapes. Of the sub-delims the comma is left out, for
    /// it would make one Host look like two to a program that joins fields.
    @inline(__always)
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "!"), UInt8(ascii: "$"), UInt8(ascii: "&"), UInt8(ascii: "'"),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: ";"),
            UInt8(ascii: "="), UInt8(ascii: "%"):
            true
        default: false
        }
    }

    private static func percentsAreWhole(_ value: UnsafeBufferPointer<UInt8>, upTo end: Int) -> Bool {
        var index = 0
        while index < end {
            if value[index] == UInt8(ascii: "%") {
                guard index + 2 < end, hexValue(value[index + 1]) != nil, hexValue(value[index + 2]) != nil else {
                    return false
                }
                index += 2
            }
            index += 1
        }
        return true
    }
}
