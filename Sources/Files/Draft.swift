import COpenSSL
import Glibc

/// A file being written: hashed on the way, bounded, and deleted unless it is kept.
package struct Draft: ~Copyable, Sendable {
    package let path: String
    package let descriptor: Int32

    init(path: String) throws(FilesError) {
        self.path = path
        descriptor = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw FilesError(errno: errno, doing: "create \(path)") }
    }

    deinit {
        close(descriptor)
        unlink(path)
    }

    package func write(_ bytes: UnsafeRawBufferPointer) throws(FilesError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw FilesError(errno: errno, doing: "write \(path)")
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
    }

    package func write(_ bytes: [UInt8]) throws(FilesError) {
        try bytes.span.withUnsafeBytes { (buffer: UnsafeRawBufferPointer) throws(FilesError) in try write(buffer) }
    }

    /// The SHA-256 of what is in the file now, whoever wrote it.
    func digest() throws(FilesError) -> (bytes: [UInt8], count: Int64) {
        guard let context = EVP_MD_CTX_new() else { throw .broken("no memory for a digest") }
        defer { EVP_MD_CTX_free(context) }
        EVP_DigestInit_ex(context, EVP_sha256(), nil)
        let size = 1 << 18
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        var offset: off_t = 0
        while true {
            let count = pread(descriptor, buffer, size, offset)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FilesError(errno: errno, doing: "read \(path)") }
            if count == 0 { break }
            EVP_DigestUpdate(context, buffer, count)
            offset += off_t(count)
        }
        var digest = [UInt8](repeating: 0, count: 32)
        EVP_DigestFinal_ex(context, &digest, nil)
        return (digest, Int64(offset))
    }
}

extension FilesError {
    init(errno code: Int32, doing what: String) {
        if code == ENOSPC || code == EDQUOT {
            self = .noRoom(needed: 0, free: 0)
        } else {
            self = .broken("could not \(what): \(String(cString: strerror(code)))")
        }
    }
}
