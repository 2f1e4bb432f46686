import CCurl
import Glibc
import HTTP

// What libcurl calls while it works. Each finds its transfer behind the context pointer.

extension Transfer {
    private static func behind(_ context: UnsafeMutableRawPointer?) -> Transfer {
        guard let context else { preconditionFailure("libcurl called back without a context") }
        return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
    }

    /// Every new connection asks here, with the address that will really be connected to. Refusing one address of a
    /// name lets libcurl try the next.
    fileprivate static func open(_ context: UnsafeMutableRawPointer?, _ target: UnsafePointer<sockaddr>) -> Int32 {
        let transfer = behind(context)
        guard let address = NetworkAddress(target) else {
            transfer.stop = .blocked(.notInternet)
            return -1
        }
        if case .refused(let refusal) = transfer.job.policy.egress.verdict(for: address) {
            transfer.stop = .blocked(refusal)
            return -1
        }
        transfer.openedSockets += 1
        return transfer.sockets.open(family: Int32(target.pointee.sa_family))
    }

    /// Runs when the request is about to be written: the point of no return. On a kept connection no socket is
    /// opened, so its address is judged here, by the policy of this call.
    fileprivate static func beforeRequest(
        _ context: UnsafeMutableRawPointer?, _ address: UnsafePointer<CChar>?, _ port: Int32
    ) -> Int32 {
        let transfer = behind(context)
        guard let address, let port = UInt16(exactly: port), let peer = NetworkAddress(peer: address, port: port) else {
            transfer.stop = .blocked(.notInternet)
            return CURL_PREREQFUNC_ABORT
        }
        if case .refused(let refusal) = transfer.job.policy.egress.verdict(for: peer) {
            transfer.stop = .blocked(refusal)
            return CURL_PREREQFUNC_ABORT
        }
        if transfer.timesSent > 0, !transfer.mayResend {
            transfer.stop = .resendRefused
            return CURL_PREREQFUNC_ABORT
        }
        transfer.stop = nil
        transfer.timesSent += 1
        transfer.phase = max(transfer.phase, .sent)
        return CURL_PREREQFUNC_OK
    }

    fileprivate static func header(_ line: UnsafeRawBufferPointer, _ context: UnsafeMutableRawPointer?) -> Int {
        let transfer = behind(context)
        transfer.phase = .receiving
        guard transfer.head.take(line, limit: transfer.job.policy.headerBytes) else {
            transfer.stop = .headTooLarge
            return stopWriting
        }
        return line.count
    }

    fileprivate static func write(_ bytes: UnsafeRawBufferPointer, _ context: UnsafeMutableRawPointer?) -> Int {
        let transfer = behind(context)
        transfer.stop = transfer.keep(bytes)
        return transfer.stop == nil ? bytes.count : stopWriting
    }

    private static let stopWriting = Int(CURL_WRITEFUNC_ERROR)

    private func keep(_ bytes: UnsafeRawBufferPointer) -> Stop? {
        let isSuccess = HTTPStatus(head.status).isSuccess
        if case .memory = job.sink {
            switch job.policy.body {
            case .fail(let limit):
                if bodyBytes + Int64(bytes.count) > limit { return .bodyTooLarge }
                append(bytes)
                return nil
            case .cut(let limit): return append(bytes, cutAt: limit)
            }
        }
        guard isSuccess else { return append(bytes, cutAt: BodySink.explanationBytes) }
        switch job.policy.body {
        case .fail(let limit): return bodyBytes + Int64(bytes.count) > limit ? .bodyTooLarge : pass(bytes)
        case .cut(let limit):
            let room = limit - Int(bodyBytes)
            let stop = pass(UnsafeRawBufferPointer(rebasing: bytes.prefix(room)))
            return stop ?? (bytes.count > room ? .cut : nil)
        }
    }

    private func pass(_ bytes: UnsafeRawBufferPointer) -> Stop? {
        bodyBytes += Int64(bytes.count)
        if let download { return download.write(bytes) ? nil : .unwritable(download.failure) }
        if case .stream(let take) = job.sink { return take(bytes) ? nil : .streamEnded }
        return nil
    }

    private func append(_ bytes: UnsafeRawBufferPointer) {
        if body.isEmpty {
            // What the answer announces saves copies while it grows, up to where a liar would cost memory.
            let announced = curl_get_offset(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T)
            body.reserveCapacity(max(bytes.count, Int(min(announced, 1 << 20))))
        }
        body.append(contentsOf: bytes)
        bodyBytes += Int64(bytes.count)
    }

    private func append(_ bytes: UnsafeRawBufferPointer, cutAt limit: Int) -> Stop? {
        let room = limit - body.count
        append(UnsafeRawBufferPointer(rebasing: bytes.prefix(room)))
        return bytes.count > room ? .cut : nil
    }

    fileprivate static func read(
        _ buffer: UnsafeMutableRawPointer, _ capacity: Int, _ context: UnsafeMutableRawPointer?
    ) -> Int {
        let transfer = behind(context)
        switch transfer.upload {
        case .none: return 0
        case .bytes(let bytes, let offset):
            let count = min(capacity, bytes.count - offset)
            bytes.withUnsafeBytes { source in
                UnsafeMutableRawBufferPointer(start: buffer, count: count)
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[offset..<offset + count]))
            }
            transfer.upload = .bytes(bytes, offset: offset + count)
            return count
        case .file(let file, let offset):
            guard let count = file.read(into: buffer, capacity: capacity, at: offset) else {
                transfer.stop = .unreadable
                return Int(CURL_READFUNC_ABORT)
            }
            transfer.upload = .file(file, offset: offset + count)
            return count
        }
    }

    /// libcurl starts the body over when it resends a request.
    fileprivate static func seek(_ context: UnsafeMutableRawPointer?, _ offset: Int, _ origin: Int32) -> Int32 {
        let transfer = behind(context)
        guard origin == SEEK_SET, offset >= 0 else { return CURL_SEEKFUNC_CANTSEEK }
        switch transfer.upload {
        case .none: return CURL_SEEKFUNC_CANTSEEK
        case .bytes(let bytes, _): transfer.upload = .bytes(bytes, offset: min(offset, bytes.count))
        case .file(let file, _): transfer.upload = .file(file, offset: min(offset, file.count))
        }
        return CURL_SEEKFUNC_OK
    }
}

extension NetworkAddress {
    /// Reads libcurl's spelling of a connection's other end.
    fileprivate init?(peer text: UnsafePointer<CChar>, port: UInt16) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(v4: UInt32(bigEndian: v4.s_addr), port: port)
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            self.init(v6, port: port)
        } else {
            return nil
        }
    }
}

// The functions libcurl is given; C cannot call a method.

func onOpenSocket(
    _ context: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ target: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let target, let address = curl_address_of(target) else { return -1 }
    return Transfer.open(context, address)
}

func onCloseSocket(_ context: UnsafeMutableRawPointer?, _ socket: curl_socket_t) -> Int32 {
    guard let context else { return 1 }
    Unmanaged<SocketWatch>.fromOpaque(context).takeUnretainedValue().close(socket)
    return 0
}

func onBeforeRequest(
    _ context: UnsafeMutableRawPointer?, _ peer: UnsafeMutablePointer<CChar>?, _ local: UnsafeMutablePointer<CChar>?,
    _ peerPort: Int32, _ localPort: Int32
) -> Int32 {
    Transfer.beforeRequest(context, peer, peerPort)
}

func onHeader(
    _ line: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    Transfer.header(UnsafeRawBufferPointer(start: line, count: size * count), context)
}

func onWrite(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    Transfer.write(UnsafeRawBufferPointer(start: bytes, count: size * count), context)
}

func onRead(
    _ buffer: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let buffer else { return 0 }
    return Transfer.read(UnsafeMutableRawPointer(buffer), size * count, context)
}

func onSeek(_ context: UnsafeMutableRawPointer?, _ offset: curl_off_t, _ origin: Int32) -> Int32 {
    Transfer.seek(context, offset, origin)
}
