/// Reads JSON5: JSON with comments, trailing commas, single quotes, names without quotes, hexadecimal numbers and
/// signs. Refuses a name given twice, because which of the two should count is a guess.
struct JSON5Reader {
    private let bytes: [UInt8]
    private var at = 0
    private var depth = 0
    /// The bytes at which lines begin.
    private let lineStarts: [Int]
    /// Comments passed since the last member, and the offset at which the last one ended.
    private var comments: [String] = []

    /// Settings nest four deep; this only bounds the stack that a hostile file could take.
    private static let deepest = 32

    static func read(_ bytes: [UInt8]) throws(JSON5Fault) -> JSON5Value {
        var reader = JSON5Reader(bytes)
        try reader.skipSpace()
        let value = try reader.value()
        try reader.skipSpace()
        guard reader.at == bytes.count else { throw reader.fault("more follows after the end of the settings") }
        return value
    }

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
        lineStarts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
        // A byte order mark is no character of the text.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }
    }

    // MARK: Values

    private mutating func value() throws(JSON5Fault) -> JSON5Value {
        let position = position(of: at)
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw fault("nested deeper than \(Self.deepest) levels") }
        let content: JSON5Value.Content
        switch peek {
        case UInt8(ascii: "{"): content = .object(try members())
        case UInt8(ascii: "["): content = .list(try elements())
        case UInt8(ascii: "\""), UInt8(ascii: "'"): content = .text(try quoted())
        case let byte? where Self.beginsNumber(byte): content = .number(try number())
        case nil: throw fault("the text ends where a value should stand")
        default:
            let start = at
            switch word() {
            case "null": content = .null
            case "true": content = .flag(true)
            case "false": content = .flag(false)
            case "Infinity", "NaN":
                at = start
                content = .number(try number())
            case "":
                throw fault("a value cannot begin with \(describe(peek))")
            case let other:
                at = start
                throw fault("\(other) is no value; text needs quotes")
            }
        }
        return JSON5Value(content: content, position: position)
    }

    private mutating func members() throws(JSON5Fault) -> [JSON5Member] {
        let opening = position(of: at)
        at += 1
        var members: [JSON5Member] = []
        var seen: Set<String> = []
        while true {
            comments = []
            try skipSpace()
            if take("}") { return members }
            guard at < bytes.count else { throw fault("the { of line \(opening.line) is never closed") }
            let above = comments
            let position = position(of: at)
            let isQuoted = peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'")
            let name = isQuoted ? try quoted() : word()
            guard !name.isEmpty else { throw fault("a name should stand here, not \(describe(peek))") }
            guard seen.insert(name).inserted else {
                throw JSON5Fault(position: position, message: "\(name) is given twice")
            }
            try skipSpace()
            guard take(":") else { throw fault("a colon should follow \(name), not \(describe(peek))") }
            try skipSpace()
            let value = try value()
            let line = self.position(of: max(0, at - 1)).line
            comments = []
            try skipSpace(comments: false)
            let hasComma = take(",")
            var behind: [String] = []
            if case .object = value.content {} else { behind = try commentsOnLine(line) }
            members.append(
                JSON5Member(
                    name: name, position: position, value: value, comment: (above + behind).joined(separator: " ")))
            comments = []
            guard hasComma else {
                try skipSpace()
                if take(",") { continue }
                guard take("}") else {
                    throw fault("a comma or } should follow the value of \(name), not \(describe(peek))")
                }
                return members
            }
        }
    }

    private mutating func elements() throws(JSON5Fault) -> [JSON5Value] {
        let opening = position(of: at)
        at += 1
        var elements: [JSON5Value] = []
        while true {
            try skipSpace()
            if take("]") { return elements }
            guard at < bytes.count else { throw fault("the [ of line \(opening.line) is never closed") }
            elements.append(try value())
            try skipSpace()
            guard take(",") else {
                guard take("]") else { throw fault("a comma or ] should follow, not \(describe(peek))") }
                return elements
            }
        }
    }

    private mutating func number() throws(JSON5Fault) -> JSON5Number {
        let start = at
        if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
        while let byte = peek, Self.isPartOfNumber(byte) {
            // A sign belongs to the number only behind its exponent.
            let isSign = byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            if isSign, bytes[at - 1] | 0x20 != UInt8(ascii: "e") || isHexadecimal(from: start) { break }
            at += 1
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        guard let number = JSON5Number(text) else {
            at = start
            throw fault("\(text) is no number")
        }
        return number
    }

    private func isHexadecimal(from start: Int) -> Bool {
        bytes[start..<at].contains { $0 | 0x20 == UInt8(ascii: "x") }
    }

    private static func beginsNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool {
        isWordByte(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
    }

    // MARK: Text

    private mutating func quoted() throws(JSON5Fault) -> String {
        let opening = position(of: at)
        let quote = bytes[at]
        at += 1
        var content: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case quote:
                guard let text = String(validating: content, as: UTF8.self) else {
                    throw JSON5Fault(position: opening, message: "the text is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try escape(into: &content)
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                throw JSON5Fault(position: opening, message: "the text that begins here does not end on its line")
            default: content.append(byte)
            }
        }
        throw JSON5Fault(position: opening, message: "the text that begins here never ends")
    }

    private mutating func escape(into content: inout [UInt8]) throws(JSON5Fault) {
        guard let byte = peek else { throw fault("the text ends in an escape") }
        at += 1
        switch byte {
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "v"): content.append(0x0B)
        case UInt8(ascii: "0"): content.append(0)
        case UInt8(ascii: "\n"): break
        case UInt8(ascii: "\r"): if peek == 0x0A { at += 1 }
        case UInt8(ascii: "x"): append(try hexadecimal(2), to: &content)
        case UInt8(ascii: "u"):
            var code = try hexadecimal(4)
            // A pair of surrogates is one character beyond the basic plane.
            if (0xD800..<0xDC00).contains(code), bytes[at...].starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
                at += 2
                let low = try hexadecimal(4)
                guard (0xDC00..<0xE000).contains(low) else { throw fault("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard Unicode.Scalar(code) != nil else { throw fault("half of a surrogate pair") }
            append(code, to: &content)
        case UInt8(ascii: "1")...UInt8(ascii: "9"): throw fault("an escape cannot be a digit")
        default: content.append(byte)
        }
    }

    private mutating func hexadecimal(_ count: Int) throws(JSON5Fault) -> UInt32 {
        let end = at + count
        guard end <= bytes.count, let code = UInt32(String(decoding: bytes[at..<end], as: UTF8.self), radix: 16) else {
            throw fault("\(count) hexadecimal digits should follow")
        }
        at = end
        return code
    }

    private func append(_ code: UInt32, to content: inout [UInt8]) {
        if let scalar = Unicode.Scalar(code) { content.append(contentsOf: String(Character(scalar)).utf8) }
    }

    /// A name without quotes, or a literal; empty when none stands here.
    private mutating func word() -> String {
        let start = at
        while let byte = peek, Self.isWordByte(byte) { at += 1 }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xFF:
            true
        default: false
        }
    }

    // MARK: Space

    private mutating func skipSpace(comments keeps: Bool = true) throws(JSON5Fault) {
        while let byte = peek {
            switch byte {
            case 0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D: at += 1
            case 0xC2 where at + 1 < bytes.count && bytes[at + 1] == 0xA0: at += 2
            case UInt8(ascii: "/"):
                guard keeps else { return }
                comments.append(try comment())
            default: return
            }
        }
    }

    /// What comments say on the rest of `line`.
    private mutating func commentsOnLine(_ line: Int) throws(JSON5Fault) -> [String] {
        var found: [String] = []
        while let byte = peek {
            if byte == 0x20 || byte == 0x09 {
                at += 1
            } else if byte == UInt8(ascii: "/"), position(of: at).line == line {
                found.append(try comment())
            } else {
                break
            }
        }
        return found
    }

    private mutating func comment() throws(JSON5Fault) -> String {
        let start = at
        guard at + 1 < bytes.count else { throw fault("a value cannot begin with /") }
        let content: ArraySlice<UInt8>
        switch bytes[at + 1] {
        case UInt8(ascii: "/"):
            while let byte = peek, byte != 0x0A { at += 1 }
            content = bytes[start + 2..<at]
        case UInt8(ascii: "*"):
            at += 2
            while !bytes[at...].starts(with: [UInt8(ascii: "*"), UInt8(ascii: "/")]) {
                guard at < bytes.count else {
                    throw JSON5Fault(position: position(of: start), message: "the comment never ends")
                }
                at += 1
            }
            content = bytes[start + 2..<at]
            at += 2
        default: throw fault("a value cannot begin with /")
        }
        let words = content.split { $0 <= 0x20 || $0 == UInt8(ascii: "*") }
        return String(decoding: Array(words.joined(separator: [0x20])), as: UTF8.self)
    }

    // MARK: Place

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func take(_ mark: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: mark) else { return false }
        at += 1
        return true
    }

    private func position(of offset: Int) -> TextPosition {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return TextPosition(line: low + 1, column: offset - lineStarts[low] + 1)
    }

    private func fault(_ message: String) -> JSON5Fault { JSON5Fault(position: position(of: at), message: message) }

    private func describe(_ byte: UInt8?) -> String {
        guard let byte else { return "the end" }
        return byte > 0x20 && byte < 0x7F ? String(Character(UnicodeScalar(byte))) : "byte \(byte)"
    }
}
