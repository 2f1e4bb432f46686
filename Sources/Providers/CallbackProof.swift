import HTTP
import JSON

/// How a callback shows whose it is. Reading is done here, the arithmetic by whoever has it: this room has no crypto.
package struct CallbackProof: Sendable {
    /// Where the public keys are, and how they are read.
    package let keys: @Sendable (ProviderSettings) -> OutgoingRequest
    package let readKeys: @Sendable (HTTPReply) -> [[UInt8]]
    /// How long keys may be kept; on a signature that none of them fits they are fetched once more.
    package let keysKept: Duration
    /// What was signed, by the callback's own headers.
    let claim: @Sendable (Headers) -> Claim?
    /// How far its time may be from ours.
    package let tolerance: Duration

    package struct Claim: Sendable, Hashable {
        /// What stands before the hash in the signed message.
        let head: String
        /// Unix seconds.
        let sentAt: Int64
        let signature: [UInt8]
    }

    /// Whether the callback is signed by one of `keys` and was sent lately. `sha256` and `verify` (Ed25519:
    /// signature, message, key) come from the caller.
    package func holds(
        _ headers: Headers, _ body: [UInt8], keys: [[UInt8]], secondsSince1970 now: Int64,
        sha256: ([UInt8]) -> [UInt8], verify: ([UInt8], [UInt8], [UInt8]) -> Bool
    ) -> Bool {
        guard let claim = claim(headers), abs(claim.sentAt - now) <= tolerance.components.seconds else { return false }
        let message = Array((claim.head + Hex.encode(sha256(body))).utf8)
        return keys.contains { verify(claim.signature, message, $0) }
    }
}

enum Hex {
    static func encode(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        let input = Array(text.utf8)
        guard input.count % 2 == 0 else { return nil }
        var output: [UInt8] = []
        for index in stride(from: 0, to: input.count, by: 2) {
            guard let high = hexValue(input[index]), let low = hexValue(input[index + 1]) else { return nil }
            output.append(high << 4 | low)
        }
        return output
    }
}
