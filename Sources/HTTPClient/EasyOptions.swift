import CCurl
import Glibc
import HTTP

/// libcurl's options, as this client sets them. A handle is reset after each call, so this is all there is.
extension Transfer {
    /// What no call may leave out: nothing is followed, decoded, remembered or taken from the environment.
    func setSafetyOptions() {
        curl_set_text(easy, CURLOPT_PROTOCOLS_STR, job.policy.egress.allowsPlainHTTP ? "https,http" : "https")
        curl_set_long(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        curl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        // An empty proxy is the only way to keep libcurl from reading http_proxy and its kin: a proxy would be the
        // one address the egress policy is asked about.
        curl_set_text(easy, CURLOPT_PROXY, "")
        curl_set_text(easy, CURLOPT_NOPROXY, "*")
        curl_set_long(easy, CURLOPT_NETRC, 0)
        curl_set_long(easy, CURLOPT_HTTP09_ALLOWED, 0)
        // No encoding is asked for (CURLOPT_ACCEPT_ENCODING stays unset), so none is undone: no decompression bombs.
        curl_set_long(easy, CURLOPT_HTTP_CONTENT_DECODING, 0)
        // Signed URLs are signed over the path as it is written.
        curl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        // Ending a call must not wait for a lookup's thread; without this, removing a handle joins it.
        curl_set_long(easy, CURLOPT_QUICK_EXIT, 1)
        curl_set_long(easy, CURLOPT_MAXAGE_CONN, ConnectionAge.idleSeconds)
        curl_set_long(easy, CURLOPT_MAXLIFETIME_CONN, ConnectionAge.totalSeconds)
        curl_set_open_socket(easy, onOpenSocket, context)
        curl_set_close_socket(easy, onCloseSocket, socketOwner)
        curl_set_before_request(easy, onBeforeRequest, context)
    }

    func setTLSOptions() {
        curl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1)
        curl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2)
        curl_set_long(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        if case .bundle(let path) = job.policy.trust {
            curl_set_text(easy, CURLOPT_CAINFO, path)
            curl_set_text(easy, CURLOPT_CAPATH, nil)
        }
        if job.policy.offersHTTP2, url.isHTTPS {
            curl_set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
            // Wait for a connection being made to the same host rather than make a second one: the handshake tells
            // whether it can be shared. Without TLS only the first answer would, which may take minutes.
            curl_set_long(easy, CURLOPT_PIPEWAIT, 1)
        } else {
            curl_set_long(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        }
    }

    /// `elapsed` is what waiting and resolving have used up already.
    func setLimits(elapsed: Duration) {
        let policy = job.policy
        curl_set_long(easy, CURLOPT_TIMEOUT_MS, (policy.totalTimeout - elapsed).wholeMilliseconds)
        curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, (policy.connectTimeout - elapsed).wholeMilliseconds)
        if let stall = policy.stall {
            curl_set_long(easy, CURLOPT_LOW_SPEED_LIMIT, stall.bytesPerSecond)
            curl_set_long(easy, CURLOPT_LOW_SPEED_TIME, stall.seconds)
        }
        // An answer that announces too much is refused before its first byte.
        if case .fail(let limit) = policy.body { curl_set_offset(easy, CURLOPT_MAXFILESIZE_LARGE, curl_off_t(limit)) }
        // A call that waits holds its buffer: small for the thousand that wait for JSON, large for a download.
        let buffer = if case .memory = job.sink { 8 << 10 } else { 128 << 10 }
        curl_set_long(easy, CURLOPT_BUFFERSIZE, buffer)
    }

    /// Whether the request may be sent again by libcurl on its own.
    var mayResend: Bool {
        switch job.policy.resending {
        case .always: true
        case .never: false
        case .ifIdempotent: request.method.isIdempotent
        }
    }

    /// False when the request cannot be sent as it is.
    func setRequest() -> Bool {
        curl_set_text(easy, CURLOPT_URL, url.text)
        curl_set_write(easy, onWrite, context)
        curl_set_header(easy, onHeader, context)
        curl_set_pointer(easy, CURLOPT_PRIVATE, context)
        curl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
        errorText[0] = 0
        if !mayResend { curl_set_long(easy, CURLOPT_FRESH_CONNECT, 1) }
        return setBody() && setHeaders() && setAddresses()
    }

    private func setBody() -> Bool {
        let method = request.method
        // An answer to HEAD has no body, and nobody agrees on what a question with one means.
        if method == .head, request.body != .none { return false }
        switch request.body {
        case .none:
            switch method {
            case .get: break
            case .head: curl_set_long(easy, CURLOPT_NOBODY, 1)
            case .post, .put, .patch: setSmallBody([])
            default: break
            }
        case .bytes(let bytes) where bytes.count <= Self.smallBodyBytes:
            setSmallBody(bytes)
        case .bytes(let bytes):
            upload = .bytes(bytes, offset: 0)
            setStreamedBody(count: bytes.count)
        case .file(let path):
            guard let file = UploadFile(path: path) else { return false }
            upload = .file(file, offset: 0)
            curl_set_long(easy, CURLOPT_UPLOAD, 1)
            curl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(file.count))
            curl_set_read(easy, onRead, context)
            curl_set_seek(easy, onSeek, context)
        }
        let isDefault =
            switch (method, request.body) {
            case (.get, .none), (.head, .none), (.put, .file): true
            case (.post, .none), (.post, .bytes): true
            default: false
            }
        if !isDefault { curl_set_text(easy, CURLOPT_CUSTOMREQUEST, method.name) }
        return true
    }

    /// Up to this size libcurl sends head and body in one piece, and keeping its copy costs little.
    private static let smallBodyBytes = 64 << 10

    private func setSmallBody(_ bytes: [UInt8]) {
        // The size must be known before the copy is made; it may hold zeros.
        curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(bytes.count))
        bytes.withUnsafeBytes { buffer in
            // An empty array has no address; for a copy of no bytes any will do.
            let start = buffer.baseAddress ?? UnsafeRawPointer(errorText)
            curl_set_text(easy, CURLOPT_COPYPOSTFIELDS, start.assumingMemoryBound(to: CChar.self))
        }
    }

    private func setStreamedBody(count: Int) {
        curl_set_long(easy, CURLOPT_POST, 1)
        curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(count))
        curl_set_read(easy, onRead, context)
        curl_set_seek(easy, onSeek, context)
    }

    /// Headers that say where a message begins and ends, or how the connection is used, are libcurl's to write: one
    /// from elsewhere could contradict it.
    private static let framing: [StaticString] = [
        "connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]

    private func setHeaders() -> Bool {
        let headers = request.headers
        guard headers.withWireBytes({ appendLines($0) }) else { return false }
        // libcurl would wait a second for a 100 before a large body, and would call any body a form.
        appendLine("Expect:")
        if !headers.contains("Content-Type") { appendLine("Content-Type:") }
        if !headers.contains("User-Agent") { curl_set_text(easy, CURLOPT_USERAGENT, job.policy.userAgent) }
        curl_set_list(easy, CURLOPT_HTTPHEADER, headerList)
        return true
    }

    /// Takes `name: value CRLF` lines apart. libcurl sends them as they are, so nothing may hide in one.
    private func appendLines(_ wire: UnsafeBufferPointer<UInt8>) -> Bool {
        var start = 0
        var line: [UInt8] = []
        while start < wire.count {
            var end = start
            while end + 1 < wire.count, !(wire[end] == 13 && wire[end + 1] == 10) { end += 1 }
            guard end + 1 < wire.count else { return false }
            let text = UnsafeBufferPointer(rebasing: wire[start..<end])
            guard text.isFieldValue, let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return false }
            let name = UnsafeBufferPointer(rebasing: text[..<colon])
            guard name.isToken, !Self.isFraming(name) else { return false }
            line.removeAll(keepingCapacity: true)
            line.append(contentsOf: text)
            // `name: ` would remove libcurl's own header of that name; an empty one is spelled `name;`.
            if text[colon...].dropFirst().allSatisfy({ $0 == 0x20 || $0 == 9 }) {
                line.removeSubrange(colon...)
                line.append(UInt8(ascii: ";"))
            }
            line.append(0)
            line.withUnsafeBytes { appendCString($0.bindMemory(to: CChar.self).baseAddress) }
            start = end + 2
        }
        return true
    }

    private static func isFraming(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        framing.contains { word in
            equalIgnoringCase(name, UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        }
    }

    private func appendLine(_ text: String) { text.withCString { appendCString($0) } }

    private func appendCString(_ text: UnsafePointer<CChar>?) {
        if let longer = curl_slist_append(headerList, text) { headerList = longer }
    }

    /// Gives libcurl the addresses of the name, so that it starts no lookup of its own.
    private func setAddresses() -> Bool {
        guard !addresses.isEmpty else { return true }
        let list = addresses.map { $0.isV4 ? "\($0)" : "[\($0)]" }.joined(separator: ",")
        // With `+` the entry ages like any other in libcurl's cache.
        resolveList = curl_slist_append(nil, "+\(url.host):\(url.port):\(list)")
        curl_set_list(easy, CURLOPT_RESOLVE, resolveList)
        return true
    }
}

/// How long a kept connection lives. Servers close idle ones after a minute or so; and a name may move.
enum ConnectionAge {
    static let idleSeconds = 55
    static let totalSeconds = 300
}

extension Duration {
    /// At least 1: to libcurl 0 means no limit.
    var wholeMilliseconds: Int {
        let (seconds, attoseconds) = components
        let milliseconds = min(seconds, 1 << 31) * 1000 + attoseconds / 1_000_000_000_000_000
        return Int(max(1, milliseconds))
    }
}
