/// Removes from a provider's words what must not be kept: our key and tokens, the query of every address (signatures
/// live there), and the bytes of pictures sent back to us.
struct Redaction: Sendable {
    /// Long enough to understand any error seen so far; rows keep it for every failed attempt.
    static let excerptBytes = 2048
    static let messageBytes = 500

    /// As they came: nearly every answer is read without anything to be cleaned.
    private let secrets: [String]

    init(_ secrets: [String]) { self.secrets = secrets }

    /// At most `limit` bytes of `text` that may be kept.
    func clean(_ text: some Collection<UInt8>, limit: Int) -> String {
        // Shorter ones would blot out ordinary words; no real key is that short.
        let secrets = secrets.map { Array($0.utf8) }.filter { $0.count >= 6 }
        // Their first bytes, so that most bytes are compared with nothing.
        var first = [Bool](repeating: false, count: 256)
        for secret in secrets { first[Int(secret[0])] = true }
        // Only the beginning is looked at, with room for what will be cut out of it.
        let input = Array(text.prefix(limit * 4))
        var output: [UInt8] = []
        var at = 0
        while at < input.count, output.count < limit {
            if first[Int(input[at])], let secret = secrets.first(where: { input[at...].starts(with: $0) }) {
                output += Self.blot
                at += secret.count
            } else if let next = Self.query(in: input, at: at) {
                output.append(UInt8(ascii: "?"))
                output += Self.blot
                at = next
            } else if let next = Self.longRun(in: input, at: at) {
                output += Self.blot
                at = next
            } else {
                // Control characters would let a provider write lines of its own into a terminal or a log.
                let byte = input[at]
                output.append(byte < 0x20 || byte == 0x7f ? 0x20 : byte)
                at += 1
            }
        }
        // A key cut in two at the end of what is looked at must not show its first half.
        if input.count < text.count, at == input.count { output.removeLast(min(output.count, 128)) }
        return String(decoding: output.prefix(limit), as: UTF8.self)
    }

    func message(_ text: String) -> String { clean(text.utf8, limit: Self.messageBytes) }

    func excerpt(_ body: [UInt8]) -> String? {
        body.isEmpty ? nil : clean(body, limit: Self.excerptBytes)
    }

    private static let blot = Array("***".utf8)

    /// Where the query that begins at `at` ends, if one does: a question mark with something that ends in a word
    /// before it and something like a parameter behind it.
    private static func query(in bytes: [UInt8], at: Int) -> Int? {
        guard bytes[at] == UInt8(ascii: "?"), at + 1 < bytes.count, isWord(bytes[at + 1]) else { return nil }
        var end = at + 1
        while end < bytes.count, !ends(bytes[end]) { end += 1 }
        return end
    }

    /// Where a run of base64 ends that is too long to be a word: a picture, or a token.
    private static func longRun(in bytes: [UInt8], at: Int) -> Int? {
        guard at == 0 || !isBase64(bytes[at - 1]) else { return nil }
        var end = at
        while end < bytes.count, isBase64(bytes[end]) { end += 1 }
        return end - at > 160 ? end : nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        isWord(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") || byte == UInt8(ascii: "=")
    }

    private static func ends(_ byte: UInt8) -> Bool {
        byte <= 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "<")
            || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: ")")
    }
}
