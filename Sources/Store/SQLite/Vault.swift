import COpenSSL
import Glibc

/// Seals what must be kept secret and yet be read again (webhook secrets, provider keys), and derives keys for
/// signing. Without the master key, which is not in the database, a stolen copy or backup tells nothing.
package struct Vault: Sendable {
    private let masterKey: [UInt8]
    /// Of the key, so that a box sealed by another one is recognised rather than called damaged.
    private let keyID: [UInt8]

    package init(masterKey: [UInt8]) throws(StoreOpenError) {
        guard masterKey.count == 32 else {
            throw .masterKey(
                "the master key has 32 bytes (64 hexadecimal digits); this one has \(masterKey.count) bytes")
        }
        self.masterKey = masterKey
        keyID = Array(Self.mac(key: masterKey, "trellis-gateway key id").prefix(4))
    }

    /// From a file of 64 hexadecimal digits; made with mode 0600 if there is none.
    init(file path: String) throws(StoreOpenError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            guard errno == ENOENT else {
                throw .masterKey("could not read \(path): \(String(cString: strerror(errno)))")
            }
            try self.init(masterKey: try Self.make(path))
            return
        }
        defer { Glibc.close(descriptor) }
        var text = [UInt8](repeating: 0, count: 256)
        let count = read(descriptor, &text, text.count)
        guard let key = Hexadecimal.bytes(text.prefix(max(0, count)).filter { $0 > 0x20 }), key.count == 32 else {
            throw .masterKey("\(path) is not 64 hexadecimal digits")
        }
        try self.init(masterKey: key)
    }

    private static func make(_ path: String) throws(StoreOpenError) -> [UInt8] {
        let key = random(32)
        let text = Hexadecimal.text(key) + [0x0A]
        let draft = path + ".new"
        unlink(draft)
        let descriptor = Glibc.open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0, Glibc.write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0,
            Glibc.close(descriptor) == 0, rename(draft, path) == 0
        else { throw .masterKey("could not write \(path): \(String(cString: strerror(errno)))") }
        DataDirectory.sync(DataDirectory.parent(of: path))
        return key
    }

    /// A key for one purpose only; the same every time, and useless for any other.
    package func signingKey(_ purpose: String) -> [UInt8] {
        Self.mac(key: masterKey, "trellis-gateway signing: " + purpose)
    }

    /// AES-256-GCM. `context` says what it is and whose, and must be the same when it is opened: a box cannot be
    /// moved to another row.
    ///
    /// Layout: version 1, key id (4), nonce (12), cipher text, tag (16).
    package func seal(_ secret: [UInt8], context: String) -> [UInt8] {
        let nonce = Self.random(12)
        let head: [UInt8] = [1] + keyID + nonce
        var (text, tag) = ([UInt8](repeating: 0, count: secret.count), [UInt8](repeating: 0, count: 16))
        let associated = Array(context.utf8)
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var count: Int32 = 0
        let ok =
            EVP_EncryptInit_ex(cipher, EVP_aes_256_gcm(), nil, masterKey, nonce) == 1
            && EVP_EncryptUpdate(cipher, nil, &count, associated, Int32(associated.count)) == 1
            && EVP_EncryptUpdate(cipher, &text, &count, secret, Int32(secret.count)) == 1
            && EVP_EncryptFinal_ex(cipher, nil, &count) == 1
            && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_GET_TAG, 16, &tag) == 1
        precondition(ok, "AES-GCM has no way to fail but want of memory")
        return head + text + tag
    }

    package func open(_ sealed: [UInt8], context: String) throws(StoreError) -> [UInt8] {
        guard sealed.count >= 33, sealed[0] == 1 else { throw .broken("what should be sealed is not") }
        guard Array(sealed[1..<5]) == keyID else {
            throw .broken("sealed with another master key: put the one back that this data was written with")
        }
        let nonce = Array(sealed[5..<17])
        let text = Array(sealed[17..<(sealed.count - 16)])
        var tag = Array(sealed.suffix(16))
        var secret = [UInt8](repeating: 0, count: text.count)
        let associated = Array(context.utf8)
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var count: Int32 = 0
        let ok =
            EVP_DecryptInit_ex(cipher, EVP_aes_256_gcm(), nil, masterKey, nonce) == 1
            && EVP_DecryptUpdate(cipher, nil, &count, associated, Int32(associated.count)) == 1
            && EVP_DecryptUpdate(cipher, &secret, &count, text, Int32(text.count)) == 1
            && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_GCM_SET_TAG, 16, &tag) == 1
            && EVP_DecryptFinal_ex(cipher, nil, &count) == 1
        guard ok else { throw .broken("a sealed secret does not open: it was changed, or belongs elsewhere") }
        return secret
    }

    private static func mac(key: [UInt8], _ text: String) -> [UInt8] {
        var (mac, count) = ([UInt8](repeating: 0, count: 32), UInt32(32))
        let bytes = Array(text.utf8)
        HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &mac, &count)
        return mac
    }

    private static func random(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }
}

extension Vault: CustomStringConvertible, CustomDebugStringConvertible {
    package var description: String { "***" }
    package var debugDescription: String { "***" }
}

enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func text(_ bytes: [UInt8]) -> [UInt8] {
        bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            guard let digit = digits.firstIndex(of: character | 0x20).map(UInt8.init) else { return nil }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes
    }
}
