/// One value inside JSON bytes that have been checked already, not built yet. It shares the bytes, so holding one
/// holds the whole body.
package struct JSONSlice: Sendable {
    package enum Kind: Sendable { case null, bool, number, string, array, object }

    package let bytes: [UInt8]
    /// Where the value lies in `bytes`, quotes and brackets included.
    package let range: Range<Int>
    let limits: JSONLimits

    package var kind: Kind {
        switch bytes[range.lowerBound] {
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "{"): .object
        default: .number
        }
    }

    /// Builds the value.
    package func value() throws(JSONError) -> JSONValue {
        try JSONReader.read(bytes, limits, from: range.lowerBound) { scanner throws(JSONError) in
            try JSONReader.value(&scanner, depth: 1)
        }
    }

    /// Where a string's content lies in `bytes`; `nil` when it is no string or has escapes to undo.
    package var plainStringRange: Range<Int>? {
        guard kind == .string else { return nil }
        let content = range.lowerBound + 1..<range.upperBound - 1
        return bytes[content].contains(UInt8(ascii: "\\")) ? nil : content
    }

    /// The content of a string as UTF-8, copied; `nil` when it is no string.
    package func stringBytes() throws(JSONError) -> [UInt8]? {
        guard kind == .string else { return nil }
        if let plainStringRange { return Array(bytes[plainStringRange]) }
        return try JSONReader.read(bytes, limits) { scanner throws(JSONError) in
            try scanner.unescaped(range.lowerBound + 1..<range.upperBound - 1)
        }
    }
}
