import Glibc
import Providers

/// Keeps secrets out of text that leaves the process: those it was told of, and whatever is shaped like one of ours.
/// The last line of defence, for no secret should come this far.
package struct Redactor: Sendable {
    private let secrets: [[UInt8]]

    /// Shorter ones would blot out ordinary words; the configuration refuses them as keys.
    private static let shortest = 8

    package init(_ secrets: [Secret] = []) {
        self.secrets = secrets.map { Array($0.revealed.utf8) }.filter { $0.count >= Self.shortest }
            .sorted { $0.count > $1.count }
    }

    /// Replaces every secret in `bytes` by `***`.
    package func clean(_ bytes: inout [UInt8]) {
        for secret in secrets {
            while let at = Self.find(secret, in: bytes, from: 0) {
                bytes.replaceSubrange(at..<at + secret.count, with: "***".utf8)
            }
        }
        for prefix in Self.prefixes { blot(prefix, &bytes) }
    }

    package func cleaned(_ text: String) -> String {
        var bytes = Array(text.utf8)
        clean(&bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// How our own keys and secrets begin, and how every other is sent.
    private static let prefixes = ["tgu_", "tgr_", "tga_", "whsec_", "whsk_", "Bearer ", "Key "].map { Array($0.utf8) }

    /// Blots out what follows `prefix` if it is long enough to be a secret.
    private func blot(_ prefix: [UInt8], _ bytes: inout [UInt8]) {
        var start = 0
        while let at = Self.find(prefix, in: bytes, from: start) {
            let content = at + prefix.count
            var end = content
            while end < bytes.count, Self.isPartOfToken(bytes[end]) { end += 1 }
            start = content
            if end - content >= Self.shortest * 2 {
                bytes.replaceSubrange(content..<end, with: "***".utf8)
                start = content + 3
            }
        }
    }

    private static func isPartOfToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    private static func find(_ needle: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        bytes.withUnsafeBytes { hay in
            guard let base = hay.baseAddress, let first = needle.first else { return nil }
            var at = start
            while hay.count - at >= needle.count {
                guard let next = memchr(base + at, Int32(first), hay.count - needle.count - at + 1) else { return nil }
                if memcmp(next, needle, needle.count) == 0 { return UnsafeRawPointer(next) - base }
                at = UnsafeRawPointer(next) - base + 1
            }
            return nil
        }
    }
}
