import COpenSSL
import Glibc
import HTTP

/// A certificate with its key and the rules of the handshake: TLS 1.2 and 1.3, forward secrecy, http/1.1 by ALPN.
///
/// OpenSSL counts references to an SSL_CTX by itself and allows sessions of one context on many threads; nothing here
/// changes after `init`, which is what makes sharing it sound.
final class TLSContext: @unchecked Sendable {
    private let context: OpaquePointer

    init(_ files: ServerConfiguration.TLS) throws(TLSFault) {
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw TLSFault(isOfKey: false, why: "OpenSSL could not begin")
        }
        self.context = context
        // SSL_CTX_set_min_proto_version and SSL_CTX_set_mode are macros over this call.
        SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        // A retried write may come from another buffer with the same bytes, and may send a part.
        SSL_CTX_ctrl(
            context, SSL_CTRL_MODE,
            Int(SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS), nil)
        // No compression (CRIME), no renegotiation (a client could make us compute), our order of ciphers.
        SSL_CTX_set_options(
            context,
            UInt64(1 << 17 /* SSL_OP_NO_COMPRESSION */) | UInt64(1 << 30 /* SSL_OP_NO_RENEGOTIATION */)
                | UInt64(1 << 22 /* SSL_OP_CIPHER_SERVER_PREFERENCE */))
        SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1")
        SSL_CTX_set_alpn_select_cb(context, Self.selectProtocol, nil)
        guard SSL_CTX_use_certificate_chain_file(context, files.certificatePath) == 1 else {
            throw TLSFault(isOfKey: false, why: Self.reason(files.certificatePath, holds: "certificate"))
        }
        guard SSL_CTX_use_PrivateKey_file(context, files.keyPath, SSL_FILETYPE_PEM) == 1 else {
            throw TLSFault(isOfKey: true, why: Self.reason(files.keyPath, holds: "private key"))
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw TLSFault(isOfKey: true, why: "\(files.keyPath) is not the key of \(files.certificatePath)")
        }
    }

    /// Whether both show the same certificate; a new one has a new key or a new end.
    func isSame(as other: TLSContext) -> Bool {
        X509_cmp(SSL_CTX_get0_certificate(context), SSL_CTX_get0_certificate(other.context)) == 0
    }

    deinit { SSL_CTX_free(context) }

    func session(on descriptor: Int32) -> TLSSession? {
        guard let session = SSL_new(context) else { return nil }
        guard SSL_set_fd(session, descriptor) == 1 else {
            SSL_free(session)
            return nil
        }
        SSL_set_accept_state(session)
        return TLSSession(session)
    }

    /// RFC 7301: the only protocol spoken here; a client that offers others only is told so by an alert.
    private static let selectProtocol:
        @convention(c) (
            OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
            UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
        ) -> Int32 = { _, selected, selectedLength, offered, offeredLength, _ in
            guard let selected, let selectedLength, let offered else { return SSL_TLSEXT_ERR_NOACK }
            let wanted = Array("http/1.1".utf8)
            var index = 0
            while index < Int(offeredLength) {
                let length = Int(offered[index])
                guard index + 1 + length <= Int(offeredLength) else { break }
                let name = UnsafeBufferPointer(start: offered + index + 1, count: length)
                if name.elementsEqual(wanted) {
                    selected.pointee = offered + index + 1
                    selectedLength.pointee = UInt8(length)
                    return SSL_TLSEXT_ERR_OK
                }
                index += 1 + length
            }
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }

    /// Why OpenSSL would not have the file at `path`, in words.
    private static func reason(_ path: String, holds wanted: String) -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        let isOfSystem = code & 0x8000_0000 != 0
        let word =
            isOfSystem
            ? String(cString: strerror(Int32(code & 0x7FFF_FFFF)))
            : ERR_reason_error_string(code).map { String(cString: $0) } ?? "OpenSSL cannot read it"
        switch word {
        case "no start line", "unsupported": return "\(path) holds no \(wanted) in PEM"
        case "key values mismatch": return "\(path) is the key of another certificate"
        default: return "\(path): \(word)"
        }
    }
}

/// Why a certificate and a key cannot be used.
struct TLSFault: Error {
    /// Whether it is about the key's file, and not the certificate's.
    let isOfKey: Bool
    let why: String
}

extension ServerError {
    init(_ fault: TLSFault) { self.init((fault.isOfKey ? "tls.key: " : "tls.certificate: ") + fault.why) }
}

extension ServerConfiguration.TLS {
    /// Why the two files could not be used now; nil when they could.
    package func objection() -> (isToKey: Bool, why: String)? {
        do throws(TLSFault) {
            _ = try TLSContext(self)
            return nil
        } catch {
            return (error.isOfKey, error.why)
        }
    }
}

/// One TLS connection, on a non-blocking socket; used by its event loop only.
final class TLSSession {
    private let session: OpaquePointer
    /// What a stalled read or write waits for, if it is not the obvious.
    private(set) var readWantsWrite = false
    private(set) var writeWantsRead = false

    fileprivate init(_ session: OpaquePointer) { self.session = session }

    deinit { SSL_free(session) }

    /// Whether decrypted bytes wait inside, for which epoll gives no sign.
    var hasPending: Bool { SSL_pending(session) > 0 }
    var isEstablished: Bool { SSL_is_init_finished(session) == 1 }

    func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Transfer {
        readWantsWrite = false
        ERR_clear_error()
        let count = SSL_read(session, buffer.baseAddress, Int32(clamping: buffer.count))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_READ: return .blocked
        case SSL_ERROR_WANT_WRITE:
            readWantsWrite = true
            return .blocked
        case SSL_ERROR_ZERO_RETURN: return .finished
        default: return .failed
        }
    }

    func write(_ buffer: UnsafeBufferPointer<UInt8>) -> Transfer {
        writeWantsRead = false
        ERR_clear_error()
        let count = SSL_write(session, buffer.baseAddress, Int32(clamping: buffer.count))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(session, count) {
        case SSL_ERROR_WANT_WRITE: return .blocked
        case SSL_ERROR_WANT_READ:
            writeWantsRead = true
            return .blocked
        default: return .failed
        }
    }

    /// Says goodbye (close_notify), so that the client can tell the end from a cut.
    func finish() {
        ERR_clear_error()
        SSL_shutdown(session)
    }
}
