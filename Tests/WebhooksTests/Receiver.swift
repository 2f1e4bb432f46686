import Foundation
import Synchronization

/// Takes webhooks on a real socket and answers each with what `answer` makes of its `webhook-id`; nil: never.
final class Receiver: Sendable {
    let url: String
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var got: [String] = []
        var open: [Int32] = []
    }

    init(_ answer: @escaping @Sendable (String) -> String?) throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        self.listener = listener
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isReady = withUnsafeMutablePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1024) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isReady else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        url = "http://127.0.0.1:\(UInt16(bigEndian: name.sin_port))/"
        Thread.detachNewThread { [weak self] in
            while true {
                let peer = accept(listener, nil, nil)
                guard peer >= 0, let self else { return }
                self.state.withLock { $0.open.append(peer) }
                Thread.detachNewThread { [weak self] in
                    while let id = Self.request(on: peer) {
                        self?.state.withLock { $0.got.append(id) }
                        guard let text = answer(id) else { continue }
                        _ = text.withCString { send(peer, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
                    }
                }
            }
        }
    }

    static func answering(_ status: String = "204 No Content", _ headers: String = "") throws -> Receiver {
        try Receiver { _ in "HTTP/1.1 \(status)\r\n\(headers)Content-Length: 0\r\n\r\n" }
    }

    /// Takes everything and never says a word.
    static func silent() throws -> Receiver { try Receiver { _ in nil } }

    var got: [String] { state.withLock(\.got) }

    /// Ends every connection, as a receiver does that is restarted.
    func hangUp() {
        for peer in state.withLock(\.open) { shutdown(peer, Int32(SHUT_RDWR)) }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        hangUp()
    }

    /// The id of the next request with its body, or nil when the client has gone.
    private static func request(on peer: Int32) -> String? {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(peer, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            text += String(decoding: buffer[..<count], as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { continue }
            let fields = text[..<end.lowerBound].lowercased().components(separatedBy: "\r\n")
            func field(_ name: String) -> String? {
                fields.first { $0.hasPrefix(name + ": ") }.map { String($0.dropFirst(name.count + 2)) }
            }
            guard text[end.upperBound...].utf8.count >= field("content-length").flatMap({ Int($0) }) ?? 0 else {
                continue
            }
            return field("webhook-id")
        }
    }
}
