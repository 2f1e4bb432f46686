import Foundation
import HTTP
import Synchronization

/// A server that does what a script says, byte for byte, on a real socket: what good servers never do included.
final class FaultServer: Sendable {
    let port: UInt16
    let address: String
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var connections = 0
        var requests: [String] = []
        var open: Set<Int32> = []
        var isStopped = false
    }

    /// Each connection runs `script` on a thread of its own; it is closed when the script returns.
    init(address: String = "127.0.0.1", _ script: @escaping @Sendable (Peer) -> Void) throws {
        (listener, port) = try Self.listen(address)
        self.address = address
        run { peer in
            Thread.detachNewThread {
                script(peer)
                peer.close()
            }
        }
    }

    /// Accepts connections and never says a word, without a thread for each.
    init(silentAt address: String = "127.0.0.1") throws {
        (listener, port) = try Self.listen(address)
        self.address = address
        run { _ in }
    }

    /// Never finishes a handshake: its queue is full, and the kernel drops what knocks.
    static func deaf(address: String, port: UInt16) throws -> FaultServer {
        try FaultServer(deafAt: address, port: port)
    }

    private init(deafAt address: String, port: UInt16) throws {
        (listener, self.port) = try Self.listen(address, port: port, backlog: 0)
        self.address = address
        // Fills the queue; nobody accepts these.
        for _ in 0..<4 {
            let knocker = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = fcntl(knocker, F_SETFL, O_NONBLOCK)
            Self.withAddress(address, port: self.port) { _ = connect(knocker, $0, $1) }
            state.withLock { _ = $0.open.insert(knocker) }
        }
    }

    /// Answers every request on every connection with `response`.
    static func answering(_ response: String, address: String = "127.0.0.1") throws -> FaultServer {
        try FaultServer(address: address) { peer in
            while peer.request() != nil { peer.write(response) }
        }
    }

    var url: String { "http://\(address):\(port)/" }
    var connections: Int { state.withLock { $0.connections } }
    var requests: [String] { state.withLock { $0.requests } }

    func stop() {
        let open = state.withLock { state in
            // This wakes the thread that accepts, which closes the socket: were it closed here, the thread would go on
            // to accept whatever is opened under the same number next.
            if !state.isStopped { shutdown(listener, Int32(SHUT_RDWR)) }
            state.isStopped = true
            return state.open
        }
        for descriptor in open { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    deinit { stop() }

    private func run(_ handle: @escaping @Sendable (Peer) -> Void) {
        let listener = listener
        Thread.detachNewThread { [weak self] in
            defer { close(listener) }
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { return }
                guard let self else {
                    close(descriptor)
                    return
                }
                self.state.withLock { state in
                    state.connections += 1
                    state.open.insert(descriptor)
                }
                handle(Peer(descriptor, server: self))
            }
        }
    }

    private static func listen(
        _ address: String, port: UInt16 = 0, backlog: Int32 = 1024
    ) throws -> (Int32, UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var bound = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withAddress(address, port: port) { pointer, length in
            bind(descriptor, pointer, length) == 0 && Glibc.listen(descriptor, backlog) == 0
        }
        guard isListening else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        withUnsafeMutableBytes(of: &bound) { bytes in
            _ = getsockname(descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), &length)
        }
        return (descriptor, UInt16(bigEndian: bound.sin_port))
    }

    private static func withAddress<R>(
        _ address: String, port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        var name = sockaddr_in()
        name.sin_family = UInt16(AF_INET)
        name.sin_addr.s_addr = inet_addr(address)
        name.sin_port = port.bigEndian
        return withUnsafePointer(to: name) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    fileprivate func note(_ request: String) { state.withLock { $0.requests.append(request) } }
    fileprivate func forget(_ descriptor: Int32) -> Bool {
        state.withLock { $0.open.remove(descriptor) != nil }
    }

    /// One connection, from the server's side.
    final class Peer: Sendable {
        private let descriptor: Int32
        private let server: FaultServer

        fileprivate init(_ descriptor: Int32, server: FaultServer) {
            self.descriptor = descriptor
            self.server = server
        }

        /// The next request with its body (by `Content-Length`), or nil when the client has gone.
        @discardableResult
        func request() -> String? {
            var bytes: [UInt8] = []
            while true {
                let text = String(decoding: bytes, as: UTF8.self)
                if let end = text.range(of: "\r\n\r\n") {
                    let head = text[..<end.lowerBound].lowercased()
                    var length = 0
                    if let mark = head.range(of: "content-length: ") {
                        length = Int(head[mark.upperBound...].prefix { $0.isNumber }) ?? 0
                    }
                    if bytes.count >= text[..<end.upperBound].utf8.count + length {
                        server.note(text)
                        return text
                    }
                }
                guard let more = read() else { return nil }
                bytes += more
            }
        }

        func read() -> [UInt8]? {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            return count > 0 ? Array(buffer[..<count]) : nil
        }

        /// False when the client has gone.
        @discardableResult
        func write(_ bytes: [UInt8]) -> Bool {
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    send(
                        descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL)
                    )
                }
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }

        @discardableResult
        func write(_ text: String) -> Bool { write(Array(text.utf8)) }

        func close() {
            if server.forget(descriptor) { Glibc.close(descriptor) }
        }

        /// Closes with a reset instead of an orderly end.
        func reset() {
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
            close()
        }

        /// Waits until the client has gone.
        func waitForClient() { while read() != nil {} }
    }
}
