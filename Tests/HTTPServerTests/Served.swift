import Dispatch
import Glibc
import HTTP
import HTTPServer
import Synchronization

/// A handler made of closures, for tests.
struct TestHandler: HTTPHandler {
    var routes: [String] = ["/echo", "/"]
    var admitting: @Sendable (HTTPRequest) -> HTTPResponse? = { _ in nil }
    var responding: @Sendable (HTTPRequest, Reply) -> HTTPResponse?

    func admit(_ head: HTTPRequest) -> HTTPResponse? { admitting(head) }
    func respond(to request: HTTPRequest, reply: Reply) -> HTTPResponse? { responding(request, reply) }

    /// Tells in its body what it understood: method, target and body.
    static let echo = TestHandler { request, _ in
        var body = Array("\(request.method) \(request.target) ".utf8)
        body += request.body
        return HTTPResponse(.ok, body: .bytes(body), route: Route(rawValue: 0))
    }
}

/// Runs `body` with a server on a port of its own, and stops it afterwards. Clients here block, so `body` gets a
/// thread of its own: the few of the concurrency pool belong to the handlers.
func withServer<R: Sendable>(
    _ handler: TestHandler = .echo, loops: Int = 1, _ change: (inout ServerConfiguration) -> Void = { _ in },
    body: (HTTPServer, UInt16) async throws -> R
) async throws -> R {
    var configuration = ServerConfiguration(.tcp(NetworkAddress(v4: 0x7f00_0001)))
    configuration.loops = loops
    change(&configuration)
    let server = HTTPServer(configuration: configuration, handler: handler)
    try server.start()
    defer { server.stop() }
    return try await onOwnThread { try await body(server, server.port() ?? 0) }
}

/// Runs `body`, which may block, where it holds up nobody else.
func onOwnThread<R: Sendable>(_ body: () async throws -> R) async rethrows -> R {
    try await withTaskExecutorPreference(OwnThread()) { try await body() }
}

/// An executor with one thread, made for one task.
private final class OwnThread: TaskExecutor {
    private let queue = DispatchQueue(label: "test")

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// A plain blocking socket, for saying exactly what a test wants to say.
/// Tests use one from one thread at a time, or send on one and receive on another, which a socket allows.
final class RawClient: @unchecked Sendable {
    let descriptor: Int32

    init(port: UInt16, receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Failure.connect(errno) }
    }

    init(descriptor: Int32) { self.descriptor = descriptor }

    init(unixPath: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: unixPath.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw Failure.connect(errno) }
    }

    deinit { close(descriptor) }

    enum Failure: Error { case connect(Int32), timeout, reset, garbled(String) }

    /// Sends everything; false when the server has closed.
    @discardableResult
    func send(_ bytes: some Collection<UInt8>) -> Bool {
        let bytes = Array(bytes)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(text.utf8) }

    /// Reads what is there now or comes next; empty at the end.
    func receive(atMost limit: Int = 65_536) throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        if count < 0 { throw errno == EAGAIN ? Failure.timeout : Failure.reset }
        return Array(buffer[..<count])
    }

    /// Reads until the server closes.
    func receiveAll() throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let piece = try receive()
            if piece.isEmpty { return all }
            all += piece
        }
    }

    /// Leaves without goodbye: the other side gets a reset.
    func reset() {
        var abrupt = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &abrupt, socklen_t(MemoryLayout<linger>.size))
        shutdown(descriptor, Int32(SHUT_RD))
        var unspecified = sockaddr()
        unspecified.sa_family = sa_family_t(AF_UNSPEC)
        // Connecting to nobody aborts the connection at once, while the descriptor stays ours.
        connect(descriptor, &unspecified, socklen_t(MemoryLayout<sockaddr>.size))
    }

    /// Whether something can be read before `seconds` are over.
    func isReadable(within seconds: Double) -> Bool {
        var interest = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&interest, 1, Int32(seconds * 1000)) > 0
    }

    var hasReceivedNothing: Bool { buffered.isEmpty }

    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    private var buffered: [UInt8] = []

    /// Reads one whole answer, by its length or chunks, and leaves what follows for the next call.
    func response(toHead: Bool = false) throws -> Received {
        while true {
            if let (answer, length) = try Received.parse(buffered, isHead: toHead, atEnd: false) {
                buffered.removeFirst(length)
                return answer
            }
            let piece = try receive()
            if piece.isEmpty {
                guard let (answer, length) = try Received.parse(buffered, isHead: toHead, atEnd: true) else {
                    throw Failure.garbled(String(decoding: buffered, as: UTF8.self))
                }
                buffered.removeFirst(length)
                return answer
            }
            buffered += piece
        }
    }

    func roundTrip(_ request: String, toHead: Bool = false) throws -> Received {
        send(request)
        return try response(toHead: toHead)
    }
}

/// An answer as a client reads it; reading it checks what every answer must have.
struct Received {
    var status: Int
    var headers: [(name: String, value: String)]
    var body: [UInt8]

    subscript(name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    /// The first answer in `bytes` with its length, or `nil` if it is not complete.
    static func parse(_ bytes: [UInt8], isHead: Bool, atEnd: Bool) throws -> (Received, Int)? {
        guard let end = firstIndex(of: Array("\r\n\r\n".utf8), in: bytes) else { return nil }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(
            separator: "\r\n", omittingEmptySubsequences: false)
        let words = lines[0].split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0] == "HTTP/1.1", let status = Int(words[1]) else {
            throw RawClient.Failure.garbled(String(lines[0]))
        }
        var answer = Received(status: status, headers: [], body: [])
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw RawClient.Failure.garbled(String(line)) }
            answer.headers.append((String(line[..<colon]), String(line[colon...].dropFirst(2))))
        }
        var offset = end + 4
        if status / 100 == 1 { return (answer, offset) }
        guard answer["Date"] != nil, answer["X-Request-Id"] != nil else {
            throw RawClient.Failure.garbled("no Date or no request id: \(lines)")
        }
        if isHead || status == 204 || status == 304 { return (answer, offset) }
        if let length = answer["Content-Length"].flatMap({ Int($0) }) {
            guard bytes.count >= offset + length else { return nil }
            answer.body = Array(bytes[offset..<offset + length])
            return (answer, offset + length)
        }
        guard answer["Transfer-Encoding"] == "chunked" else {
            guard atEnd else { return nil }
            answer.body = Array(bytes[offset...])
            return (answer, bytes.count)
        }
        while true {
            guard let lineEnd = firstIndex(of: Array("\r\n".utf8), in: bytes, from: offset) else { return nil }
            guard let size = Int(String(decoding: bytes[offset..<lineEnd], as: UTF8.self), radix: 16) else {
                throw RawClient.Failure.garbled("chunk size")
            }
            guard bytes.count >= lineEnd + 4 + size else { return nil }
            answer.body += bytes[lineEnd + 2..<lineEnd + 2 + size]
            offset = lineEnd + 4 + size
            if size == 0 { return (answer, offset) }
        }
    }

    private static func firstIndex(of pattern: [UInt8], in bytes: [UInt8], from start: Int = 0) -> Int? {
        guard bytes.count >= start + pattern.count else { return nil }
        return (start...bytes.count - pattern.count).first { bytes[$0..<$0 + pattern.count].elementsEqual(pattern) }
    }
}

/// A count that handlers and clients share.
final class Tally: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .sequentiallyConsistent) }

    @discardableResult
    func add(_ amount: Int = 1) -> Int { count.add(amount, ordering: .sequentiallyConsistent).newValue }
}
