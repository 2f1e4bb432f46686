import Domain
import Gateway
import Glibc
import JSON

/// What the admin API said.
struct Answer: Sendable {
    let status: Int
    let body: [UInt8]

    var isGood: Bool { (200..<300).contains(status) }
    var value: JSONValue { (try? JSONReader.value(of: body)) ?? .string(String(decoding: body, as: UTF8.self)) }

    /// What went wrong, in the API's own words.
    var complaint: String {
        let error = value["error"]
        let message = (error?["message"]?.string ?? value["detail"]?.string ?? "the gateway answered \(status)").visible
        // A single one is the message itself.
        let details = error?["details"]?.array.map { $0.count > 1 ? $0 : [] }?.compactMap { detail in
            detail["message"]?.string.map { "\n  " + (detail["param"]?.string.map { "\($0): " } ?? "") + $0.visible }
        }
        let suggestion = error?["suggestion"]?.string.map { "\n\($0.visible)" } ?? ""
        return message + (details ?? []).joined() + suggestion
    }
}

/// Asks the gateway that runs on a data directory, over the socket it keeps there. One blocking request: a command
/// has nothing else to do.
struct ControlClient {
    private let path: String

    init(dataDirectory: String) { path = Gateway.controlSocket(in: dataDirectory) }

    /// The answer; nil when no gateway runs there.
    func send(_ method: String, _ target: String, _ body: [UInt8] = []) throws -> Answer? {
        guard let descriptor = try connect() else { return nil }
        defer { close(descriptor) }
        // HTTP/1.0: the answer ends with the connection, and is never chunked.
        var request = Array("\(method) \(target) HTTP/1.0\r\nHost: control\r\nAccept: application/json\r\n".utf8)
        if method != "GET" {
            request += Array("Content-Type: application/json\r\nContent-Length: \(body.count)\r\n".utf8)
        }
        request += Array("\r\n".utf8) + body
        try write(request, to: descriptor)
        return try Self.parse(try readAll(from: descriptor))
    }

    private func connect() throws -> Int32? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        let bytes = Array(path.utf8)
        guard bytes.count < room else { throw Failure(message: "the socket's path is too long: \(path)") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(message: "socket: \(String(cString: strerror(errno)))") }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result == 0 { return descriptor }
        let reason = errno
        close(descriptor)
        // No socket, or one that a killed gateway left behind.
        if reason == ENOENT || reason == ECONNREFUSED || reason == ENOTDIR { return nil }
        throw Failure(message: "cannot open \(path): \(String(cString: strerror(reason)))")
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw Failure(message: "the gateway went away: \(String(cString: strerror(errno)))")
            }
            rest = rest.dropFirst(count)
        }
    }

    private func readAll(from descriptor: Int32) throws -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let chunk = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, count in
                var result = read(descriptor, buffer.baseAddress, buffer.count)
                while result < 0, errno == EINTR { result = read(descriptor, buffer.baseAddress, buffer.count) }
                count = max(0, result)
            }
            if chunk.isEmpty { return all }
            all += chunk
        }
    }

    private static func parse(_ bytes: [UInt8]) throws -> Answer {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count > 12,
            let split = (0...bytes.count - 4).first(where: { bytes[$0..<$0 + 4].elementsEqual(end) }),
            let status = Int(String(decoding: bytes[9..<12], as: UTF8.self))
        else { throw Failure(message: "the gateway went away before it answered") }
        return Answer(status: status, body: Array(bytes[(split + 4)...]))
    }
}
