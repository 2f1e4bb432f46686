import COpenSSL
import Synchronization

/// The few pieces of cryptography that the rooms ask for as functions, so that they need no library for it.
enum Digests {
    @Sendable static func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        openssl_sha256(bytes, bytes.count, &digest)
        return digest
    }

    static func hmac(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: 32)
        openssl_hmac_sha256(key, key.count, bytes, bytes.count, &code)
        return code
    }

    /// Ed25519 (RFC 8032).
    @Sendable static func isSigned(_ message: [UInt8], by publicKey: [UInt8], _ signature: [UInt8]) -> Bool {
        guard publicKey.count == 32, signature.count == 64,
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, 32)
        else { return false }
        defer { EVP_PKEY_free(key) }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
            && EVP_DigestVerify(context, signature, 64, message, message.count) == 1
    }
}

/// Signs addresses. Its key comes out of the store's directory, and the store, when it opens, may already need
/// addresses rendered: until the key is there the ones it makes prove nothing, and none of them is ever shown.
final class Signer: Sendable {
    private let key = Mutex<[UInt8]>([])

    func take(_ key: [UInt8]) { self.key.withLock { $0 = key } }

    func sign(_ bytes: [UInt8]) -> [UInt8] { Digests.hmac(bytes, key: key.withLock { $0 }) }
}
