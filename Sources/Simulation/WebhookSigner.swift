import COpenSSL
import JSON

/// An Ed25519 key to sign webhooks with, as fal does.
package struct WebhookSigner: Sendable {
    private let seed: [UInt8]
    /// The public key in base64url, as a JWKS has it.
    package let publicKey: String

    /// `seed`: the 32 bytes of the private key; nil when OpenSSL will not have them.
    package init?(seed: [UInt8]) {
        guard seed.count == 32, let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, 32) else {
            return nil
        }
        defer { EVP_PKEY_free(key) }
        var bytes = [UInt8](repeating: 0, count: 32)
        var count = 32
        guard EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1, count == 32 else { return nil }
        self.seed = seed
        publicKey = String(
            Base64.encode(bytes).compactMap { character in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    /// Key 1 of RFC 8032 §7.1: a test key, so that what is signed can be checked against it anywhere.
    package static let testKey: [UInt8] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5,
        0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ]

    /// The signature in hexadecimal over request, user, timestamp and the body's hash, a line each.
    package func sign(request: String, user: String, timestamp: String, body: [UInt8]) -> String {
        let hash = Self.sha256(body).map { Self.hexadecimal($0) }.joined()
        let message = Array("\(request)\n\(user)\n\(timestamp)\n\(hash)".utf8)
        guard let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, 32), let context = EVP_MD_CTX_new()
        else { return "" }
        defer {
            EVP_PKEY_free(key)
            EVP_MD_CTX_free(context)
        }
        var signature = [UInt8](repeating: 0, count: 64)
        var count = 64
        guard EVP_DigestSignInit(context, nil, nil, nil, key) == 1,
            EVP_DigestSign(context, &signature, &count, message, message.count) == 1
        else { return "" }
        return signature.map { Self.hexadecimal($0) }.joined()
    }

    static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: 32)
        SHA256(bytes, bytes.count, &hash)
        return hash
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return digits.count == 1 ? "0" + digits : digits
    }
}
