import HTTP
import JSON

/// fal signs its webhooks with Ed25519 over request id, user id, timestamp and the body's hash, a line each.
enum FalSignature {
    static let proof = CallbackProof(
        keys: { settings in
            // No key of ours goes along: the set is public.
            OutgoingRequest(
                .get, settings.base("https://rest.fal.ai", beside: Provider.fal.baseURL) + "/.well-known/jwks.json",
                headers: ["Accept": "application/json"])
        },
        readKeys: readKeys, keysKept: .seconds(86_400), claim: claim, tolerance: .seconds(300))

    /// The Ed25519 keys of a JWKS (RFC 8037): 32 bytes each; whatever else is in it is left out.
    static func readKeys(_ reply: HTTPReply) -> [[UInt8]] {
        var limits = JSONLimits.tolerant
        limits.bytes = 1 << 16
        guard reply.status.isSuccess, let set = try? JSONReader.value(of: reply.body, limits: limits) else { return [] }
        return (set["keys"]?.array ?? []).prefix(16).compactMap { key in
            guard key["kty"]?.string == "OKP", key["crv"]?.string == "Ed25519", let x = key["x"]?.string,
                let bytes = base64URL(x), bytes.count == 32
            else { return nil }
            return bytes
        }
    }

    static func claim(_ headers: Headers) -> CallbackProof.Claim? {
        guard let request = headers["X-Fal-Webhook-Request-Id"], let user = headers["X-Fal-Webhook-User-Id"],
            let timestamp = headers["X-Fal-Webhook-Timestamp"], let seconds = Int64(timestamp), seconds >= 0,
            seconds < 1 << 40, let signature = headers["X-Fal-Webhook-Signature"].flatMap(Hex.decode),
            signature.count == 64
        else { return nil }
        return .init(head: "\(request)\n\(user)\n\(timestamp)\n", sentAt: seconds, signature: signature)
    }

    /// Base64 with `-` and `_` and no padding (RFC 4648 §5).
    private static func base64URL(_ text: String) -> [UInt8]? {
        var bytes = text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        while bytes.last == UInt8(ascii: "=") { bytes.removeLast() }
        while bytes.count % 4 != 0 { bytes.append(UInt8(ascii: "=")) }
        return Base64.decode(bytes)
    }
}
