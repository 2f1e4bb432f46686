/// Field names an endpoint's owner may not set: ours, and those that frame the message.
package enum CustomHeader {
    private static let reserved: Set<String> = [
        "host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "te", "trailer",
        "upgrade", "keep-alive", "proxy-connection",
    ]

    /// Why this header may not be sent, or nil. libcurl sends fields as they are, so CR, LF and NUL must end here.
    package static func fault(name: String, value: String) -> String? {
        let lower = name.lowercased()
        let token = lower.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        guard token, !name.isEmpty, name.utf8.count <= 100 else { return "\(name) is not a header name" }
        guard !lower.hasPrefix("webhook-"), !reserved.contains(lower) else {
            return "\(name) is set by the gateway and cannot be replaced"
        }
        guard value.utf8.allSatisfy({ $0 == 9 || ($0 >= 0x20 && $0 != 0x7F) }), value.utf8.count <= 1024 else {
            return "the value of \(name) has control characters or is longer than 1024 bytes"
        }
        return nil
    }
}
