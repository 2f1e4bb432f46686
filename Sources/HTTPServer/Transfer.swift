import Glibc

/// What became of one read or write on a non-blocking socket.
enum Transfer {
    case bytes(Int)
    case blocked
    /// The other side sends nothing more.
    case finished
    case failed
}

extension Connection {
    func read(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Transfer {
        if let tls { return tls.read(into: buffer) }
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .finished }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .blocked : .failed
        }
    }

    /// `hasMore` tells the kernel to wait for what follows before it sends a short packet.
    func write(_ buffer: UnsafeBufferPointer<UInt8>, hasMore: Bool = false) -> Transfer {
        if let tls { return tls.write(buffer) }
        let flags = Int32(MSG_NOSIGNAL) | (hasMore ? Int32(MSG_MORE) : 0)
        while true {
            let count = Glibc.send(descriptor, buffer.baseAddress, buffer.count, flags)
            if count >= 0 { return .bytes(count) }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .blocked : .failed
        }
    }

    /// Sends a stretch of a file: by `sendfile`, or through `scratch` when it must be encrypted.
    func send(_ file: FileTransfer, scratch: UnsafeMutableBufferPointer<UInt8>) -> Transfer {
        while true {
            let count: Int
            if let tls {
                let wanted = min(scratch.count, Int(clamping: file.remaining))
                count = pread(file.descriptor, scratch.baseAddress, wanted, Int(file.offset))
                // A retry after `blocked` reads the same bytes again, which is what OpenSSL asks for.
                if count > 0 { return tls.write(UnsafeBufferPointer(rebasing: scratch[..<count])) }
            } else {
                var offset = off_t(file.offset)
                // One mebibyte at a time measured best; larger pieces only delay the neighbours.
                count = sendfile(descriptor, file.descriptor, &offset, min(1 << 20, Int(clamping: file.remaining)))
                if count > 0 { return .bytes(count) }
            }
            // The file has become shorter: the promised length cannot be kept.
            if count == 0 { return .failed }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .blocked : .failed
        }
    }
}
