import COpenSSL
import Domain
import JSON
import Store

/// Standard Webhooks 1.0: what is signed is `id.timestamp.body`, the very bytes that are sent.
package enum WebhookSignature {
    /// The `webhook-signature` field: one signature a secret, newest first, separated by spaces.
    package static func field(
        id: String, timestamp: Int64, body: [UInt8], secrets: [WebhookSecret]
    ) -> String {
        var content: [UInt8] = []
        content.reserveCapacity(id.utf8.count + 24 + body.count)
        content += "\(id).\(timestamp).".utf8
        content += body
        return secrets.compactMap { secret in
            switch secret.scheme {
            case .hmac: "v1," + Base64.encode(hmac(content, key: secret.bytes))
            case .ed25519: ed25519(content, seed: secret.bytes).map { "v1a," + Base64.encode($0) }
            }
        }.joined(separator: " ")
    }

    static func hmac(_ content: [UInt8], key: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        openssl_hmac_sha256(key, key.count, content, content.count, &digest)
        return digest
    }

    /// nil only if the seed is not 32 bytes.
    static func ed25519(_ content: [UInt8], seed: [UInt8]) -> [UInt8]? {
        guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else { return nil }
        defer { EVP_PKEY_free(key) }
        guard let context = EVP_MD_CTX_new() else { return nil }
        defer { EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var count = 64
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, content, content.count) == 1
        else { return nil }
        return signature
    }

    static func ed25519PublicKey(seed: [UInt8]) -> [UInt8]? {
        guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count) else { return nil }
        defer { EVP_PKEY_free(key) }
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = 32
        return EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1 ? bytes : nil
    }
}

extension WebhookSecret {
    /// 32 random bytes: within the 24 to 64 of the specification, and an Ed25519 seed as well.
    package static func make(
        _ scheme: Scheme, now: Instant, random: inout some RandomNumberGenerator
    ) -> WebhookSecret {
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        return WebhookSecret(scheme: scheme, bytes: bytes, createdAt: now)
    }

    /// What the endpoint's owner is given, once: the shared secret, or the public key and the pair's private half.
    package var shown: (secret: String, publicKey: String?) {
        switch scheme {
        case .hmac:
            return ("whsec_" + Base64.encode(bytes), nil)
        case .ed25519:
            let publicKey = WebhookSignature.ed25519PublicKey(seed: bytes) ?? []
            return ("whsk_" + Base64.encode(bytes + publicKey), "whpk_" + Base64.encode(publicKey))
        }
    }
}
