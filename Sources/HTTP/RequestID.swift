/// Names one request in answers and logs: our own 128 bits, or the client's word when it sent a sane one.
package enum RequestID: Sendable, Hashable {
    case made(UInt64, UInt64)
    case given(String)

    /// Takes a client's id if it is short and plain enough to echo and to log: at most 64 of `A-Z a-z 0-9 - _ . :`.
    package init?(given text: String) {
        let sane = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                UInt8(ascii: ":"):
                true
            default: false
            }
        }
        guard sane, (1...64).contains(text.utf8.count) else { return nil }
        self = .given(text)
    }

    /// Appends the id as text: 32 hexadecimal digits, or the client's own word.
    package func write(to output: inout [UInt8]) {
        switch self {
        case .made(let high, let low):
            for word in [high, low] {
                for shift in stride(from: 60, through: 0, by: -4) {
                    let digit = UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 15
                    output.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                }
            }
        case .given(let text): output.append(contentsOf: text.utf8)
        }
    }
}

extension RequestID: CustomStringConvertible {
    package var description: String {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
