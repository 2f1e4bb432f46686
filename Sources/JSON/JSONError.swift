/// Why bytes are not acceptable JSON, and where.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        case unexpectedEnd
        case unexpectedByte(UInt8)
        case trailingBytes
        case badNumber
        case badEscape
        case controlCharacter
        case notUTF8
        case loneSurrogate
        case duplicateName(String)
        case tooDeep(limit: Int)
        case tooMany(limit: Int)
        case tooLong(limit: Int)
        case notAnObject
    }

    package let reason: Reason
    /// The offset of the first byte that is wrong.
    package let offset: Int

    package var description: String {
        let what =
            switch reason {
            case .unexpectedEnd: "the JSON ends too early"
            case .unexpectedByte(let byte): "unexpected \(Self.name(byte))"
            case .trailingBytes: "more follows after the JSON value"
            case .badNumber: "a number is not written as JSON wants it"
            case .badEscape: "a string has an escape that JSON does not know"
            case .controlCharacter: "a string has a raw control character; write it as \\u00XX"
            case .notUTF8: "a string is not UTF-8"
            case .loneSurrogate: "a string has half of a surrogate pair"
            case .duplicateName(let name): "the name \(JSONValue.string(String(name.prefix(64)))) is given twice"
            case .tooDeep(let limit): "nested deeper than \(limit) levels"
            case .tooMany(let limit): "more than \(limit) values"
            case .tooLong(let limit): "longer than \(limit) bytes"
            case .notAnObject: "a JSON object is wanted here"
            }
        return "\(what) (at byte \(offset))"
    }

    private static func name(_ byte: UInt8) -> String {
        if byte > 0x20, byte < 0x7f { return "character \(Character(UnicodeScalar(byte)))" }
        return "byte 0x" + String(byte, radix: 16)
    }
}

/// How much JSON to put up with, and what to do where RFC 8259 leaves the reader a choice.
package struct JSONLimits: Sendable {
    /// Levels of nesting; the reader recurses, so this bounds its stack. No API here nests beyond ten.
    package var depth = 64
    /// Values in all, which bounds the memory that a small body of `[[[],[],…` can claim.
    package var values = 100_000
    /// Bytes in all.
    package var bytes = Int.max
    package var duplicateNames = Duplicates.refused
    package var loneSurrogates = Surrogates.refused

    package enum Duplicates: Sendable { case refused, lastWins }
    package enum Surrogates: Sendable { case refused, replaced }

    package init() {}

    /// For what our own clients send: anything ambiguous is refused.
    package static let strict = JSONLimits()

    /// For what others answer: paid work must not be lost to a doubled name or half an emoji.
    package static let tolerant: JSONLimits = {
        var limits = JSONLimits()
        limits.duplicateNames = .lastWins
        limits.loneSurrogates = .replaced
        return limits
    }()
}
