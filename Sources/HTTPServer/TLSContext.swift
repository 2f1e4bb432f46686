import COpenSSL
import HTTP

/// A certificate with its key and the rules of the handshake: TLS 1.2 and 1.3, forward secrecy, http/1.1 by ALPN.
///
/// OpenSSL counts references to an SSL_CTX by itself and allows sessions of one context on many threads; nothing here
/// changes after `init`, which is what makes sharing it sound.
final class TLSContext: @unchecked Sendable {
    private let context: OpaquePointer

    init(_ files: ServerConfiguration.TLS) throws(ServerError) {
        guard let context = SSL_CTX_new(TLS_server_method()) else { throw ServerError(Self.reason("TLS")) }
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
            throw ServerError(Self.reason("tls.certificate \(files.certificatePath)"))
        }
        guard SSL_CTX_use_PrivateKey_file(context, files.keyPath, SSL_FILETYPE_PEM) == 1 else {
            throw ServerError(Self.reason("tls.key \(files.keyPath)"))
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw ServerError(Self.reason("tls.key \(files.keyPath) does not fit the certificate"))
        }
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

    private static func reason(_ what: String) -> String {
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(ERR_get_error(), &text, text.count)
        ERR_clear_error()
        let end = text.firstIndex(of: 0) ?? text.count
        return what + ": " + String(decoding: text[..<end].map { UInt8(bitPattern: $0) }, as: UTF8.self)
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
