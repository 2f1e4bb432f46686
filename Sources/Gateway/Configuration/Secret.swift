import Providers

extension Secret {
    /// Why this cannot be a real key, in words for the operator; nil when it can.
    var weakness: String? {
        if revealed.isEmpty { return "is empty" }
        let bytes = Array(revealed.utf8)
        if bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F }) { return "has spaces or line breaks in it" }
        if bytes.count < 8 { return "is too short to be a real key (\(bytes.count) characters)" }
        let lower = revealed.lowercased()
        if Set(bytes).count < 4 || Self.placeholders.contains(where: lower.contains) {
            return "looks like a placeholder, not a real key"
        }
        return nil
    }

    private static let placeholders = [
        "changeme", "change-me", "change_me", "your-key", "your_key", "yourkey", "your-api", "your_api", "api-key-here",
        "api_key_here", "insert", "placeholder", "example", "<",
    ]
}
