import HTTP
import JSON
import Synchronization

@testable import API

/// The server's side of a reply: keeps what is answered, and lets a test wait for it.
final class Outlet: ReplyOutlet {
    private struct State {
        var response: HTTPResponse?
        var stream: [UInt8] = []
        var isFinished = false
        var writer: BodyWriter?
        var onClose: [@Sendable () -> Void] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func post(_ message: ReplyMessage, for token: Reply.Token) {
        let woken = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            switch message {
            case .complete(let response): if state.response == nil { state.response = response }
            case .open(let head, let writer):
                state.response = head
                state.writer = writer
            case .chunk(let bytes, let writer):
                state.stream += bytes
                writer.drained(bytes.count)
            case .finish: state.isFinished = true
            case .watch(let action): state.onClose.append(action)
            case .abandon: state.isFinished = true
            }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in woken { waiter.resume() }
    }

    /// Waits until `isThere` finds what it looks for.
    private func wait<R: Sendable>(_ isThere: (borrowing State) -> R?) async -> R {
        while true {
            var found: R?
            await withCheckedContinuation { continuation in
                state.withLock { state in
                    found = isThere(state)
                    if found == nil { state.waiters.append(continuation) } else { continuation.resume() }
                }
            }
            if let found { return found }
        }
    }

    func response() async -> HTTPResponse { await wait { $0.response } }

    /// The stream's text once it holds `part`.
    func stream(holding part: String) async -> String {
        await wait { state in
            let text = String(decoding: state.stream, as: UTF8.self)
            return text.contains(part) ? text : nil
        }
    }

    func finished() async -> String {
        await wait { $0.isFinished ? String(decoding: $0.stream, as: UTF8.self) : nil }
    }

    var hasAnswered: Bool { state.withLock { $0.response != nil } }

    /// The client goes away.
    func leave() {
        let (actions, writer) = state.withLock { ($0.onClose, $0.writer) }
        for action in actions { action() }
        writer?.closed()
    }
}

/// An answer as a test reads it; every one is checked for what holds of all.
struct Answer: Sendable {
    let status: Int
    let headers: Headers
    let body: [UInt8]

    init(_ response: HTTPResponse) {
        status = Int(response.status.code)
        headers = response.headers
        switch response.body {
        case .bytes(let bytes): body = bytes
        case .none, .file: body = []
        }
    }

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue { (try? JSONReader.value(of: body)) ?? .null }
    var code: String? { json["error"]?["code"]?.string }
}

extension API {
    /// One request through the same door that the server uses.
    func ask(
        _ method: HTTPMethod, _ target: String, key: String? = nil, headers: Headers = [:], body: String? = nil,
        listener: String = "public"
    ) async -> Answer {
        let outlet = Outlet()
        begin(method, target, key: key, headers: headers, body: body, listener: listener, outlet: outlet)
        return Answer(await outlet.response())
    }

    /// The same without waiting.
    func begin(
        _ method: HTTPMethod, _ target: String, key: String? = nil, headers: Headers = [:], body: String? = nil,
        listener: String = "public", outlet: Outlet
    ) {
        var headers = headers
        if let key { headers.add("Authorization", "Bearer \(key)") }
        if body != nil, !headers.contains("Content-Type") { headers.add("Content-Type", "application/json") }
        let request = HTTPRequest(
            method, target, headers: headers, body: Array((body ?? "").utf8), id: .given("test"), listener: listener)
        let reply = Reply(token: .init(connection: 1, generation: 1), outlet: outlet)
        if body != nil, let refusal = admit(request) { return reply.complete(with: refusal) }
        if let response = respond(to: request, reply: reply) { reply.complete(with: response) }
    }
}
