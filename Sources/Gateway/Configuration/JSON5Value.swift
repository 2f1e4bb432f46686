/// Where something stands in a file a person wrote. Both count from 1, as editors do.
struct TextPosition: Hashable, Sendable {
    let line: Int
    let column: Int
}

/// A value of a JSON5 document (json5.org), with its place, so that a mistake can be pointed at.
struct JSON5Value: Sendable {
    indirect enum Content: Sendable {
        case null
        case flag(Bool)
        case number(JSON5Number)
        case text(String)
        case list([JSON5Value])
        case object([JSON5Member])
    }

    let content: Content
    let position: TextPosition

    /// What a message calls such a value.
    var kind: String {
        switch content {
        case .null: "null"
        case .flag: "true or false"
        case .number: "a number"
        case .text: "text"
        case .list: "a list"
        case .object: "an object"
        }
    }
}

struct JSON5Member: Sendable {
    let name: String
    let position: TextPosition
    let value: JSON5Value
    /// The comment above the member and the one behind it, as plain text.
    let comment: String
}

/// A number as written: whole if it was written as one, so that no large integer goes through a `Double`.
struct JSON5Number: Sendable, Hashable {
    let text: String
    let whole: Int?
    let double: Double
}

/// Why a text is no JSON5, and where.
struct JSON5Fault: Error, Hashable {
    let position: TextPosition
    let message: String
}

extension JSON5Number {
    /// Reads a number as JSON5 writes it; nil for anything else.
    init?(_ text: String) {
        var digits = Substring(text)
        var sign = 1
        if let first = digits.first, first == "-" || first == "+" {
            sign = first == "-" ? -1 : 1
            digits = digits.dropFirst()
        }
        self.text = text
        switch digits {
        case "Infinity": (whole, double) = (nil, Double(sign) * .infinity)
        case "NaN": (whole, double) = (nil, .nan)
        default:
            guard let first = digits.utf8.first, first == 0x2E || (0x30...0x39).contains(first) else { return nil }
            if digits.hasPrefix("0x") || digits.hasPrefix("0X") {
                guard let value = Int(digits.dropFirst(2), radix: 16) else { return nil }
                (whole, double) = (sign * value, Double(sign * value))
            } else if let value = Int(digits) {
                // JSON5 knows no octal numbers: a leading zero would only mislead.
                guard digits.utf8.count == 1 || first != 0x30 else { return nil }
                (whole, double) = (sign * value, Double(sign * value))
            } else {
                let isDecimal = digits.utf8.allSatisfy {
                    (0x30...0x39).contains($0) || $0 | 0x20 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".")
                        || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-")
                }
                let padded = digits.hasPrefix(".") ? "0" + digits : digits.hasSuffix(".") ? digits + "0" : digits
                guard isDecimal, let value = Double(String(padded)) else { return nil }
                (whole, double) = (nil, Double(sign) * value)
            }
        }
    }
}
