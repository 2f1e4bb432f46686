import Domain
import HTTP
import JSON
import Simulation
import Synchronization
import Testing

@testable import Work

/// The strict simulator of all five providers, without a socket between and with time in the test's hand.
final class SimulatedNetwork: Upstream, Wire {
    static let base = "http://simulator.test"
    private static let models = ModelShelf(faces: 12, side: 4)
    private let world: Mutex<World>
    private let time: Mutex<Instant>
    /// Calls that do not even get out of the house; counted down.
    private let unreachable = Mutex<[String: Int]>([:])

    init() throws {
        let signer = try #require(WebhookSigner(seed: WebhookSigner.testKey))
        world = Mutex(World(signer: signer, models: Self.models))
        time = Mutex(House.start)
    }

    var now: Instant { time.withLock { $0 } }

    func advance(to moment: Instant) { time.withLock { $0 = max($0, moment) } }

    /// Tells the simulator what to do wrong, in the words of its control API.
    func plan(_ fault: JSONValue) throws {
        let answer = control(.post, "faults", fault)
        guard answer.status == .created else { throw Unexpected("fault not understood: \(answer.text)") }
    }

    func bought(_ provider: ProviderID) throws -> Int64 { try count(provider, "bought") }

    func count(_ provider: ProviderID, _ what: String) throws -> Int64 {
        let summary = try JSONReader.value(of: control(.get, "", nil).body)
        return summary["providers"]?[provider.rawValue]?["counts"]?[what]?.integer ?? 0
    }

    private func control(_ method: HTTPMethod, _ path: String, _ body: JSONValue?) -> HTTPReply {
        let request = HTTPRequest(method, "/_control/\(path)", body: body?.bytes ?? [])
        return reply(world.withLock { $0.respond(to: request, base: Self.base, now: now.milliseconds) }.response)
    }

    func cutOff(_ provider: String, times: Int) { unreachable.withLock { $0[provider] = times } }

    /// The provider whose path it is, as the tests name it: bases have the name in front.
    private func react(_ request: OutgoingRequest) -> Reaction {
        var bytes: [UInt8] = []
        if case .bytes(let content) = request.body { bytes = content }
        let target = String(request.url.dropFirst(Self.base.count))
        let incoming = HTTPRequest(request.method, target, headers: request.headers, body: bytes)
        return world.withLock { $0.respond(to: incoming, base: Self.base, now: now.milliseconds) }
    }

    func send(_ request: OutgoingRequest, _ terms: CallTerms) async -> UpstreamOutcome {
        let provider = request.url.dropFirst(Self.base.count + 1).prefix { $0 != "/" }
        let isCutOff = unreachable.withLock { unreachable in
            guard let left = unreachable[String(provider)], left > 0 else { return false }
            unreachable[String(provider)] = left - 1
            return true
        }
        if isCutOff {
            return .failed(UpstreamFailure(word: "connect_error", message: "no connection", wasSent: false))
        }
        let reaction = react(request)
        let status = Int(reaction.response.status.code)
        switch reaction.manner {
        case .whole, .trickle: return .answered(reply(reaction.response))
        case .nothing:
            return .failed(UpstreamFailure(word: "connection_reset", message: "closed", wasSent: true))
        case .silence: return .failed(UpstreamFailure(word: "timeout", message: "no answer", wasSent: true))
        case .cut:
            return .failed(UpstreamFailure(word: "truncated", message: "cut off", wasSent: true, status: status))
        case .flood:
            return .failed(UpstreamFailure(word: "too_large", message: "endless", wasSent: true, status: status))
        }
    }

    func download(_ url: String, to descriptor: Int32, limit: Int64, timeout: Duration) async -> Transfer {
        guard url.hasPrefix(Self.base) else { return .never("no such host") }
        let reaction = react(OutgoingRequest(.get, url))
        guard case .whole = reaction.manner else { return .later("it never came whole") }
        let answer = reply(reaction.response)
        switch answer.status.code {
        case 200..<300:
            var rest = answer.body[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { writeSome(descriptor, $0) }
                guard count > 0 else { return .ours("could not write") }
                rest = rest.dropFirst(count)
            }
            return .done(bytes: Int64(answer.body.count))
        case 429, 500...: return .later("status \(answer.status.code)")
        default: return .never("status \(answer.status.code)")
        }
    }

    func upload(_ path: String, contentType: String, to url: String, timeout: Duration) async -> Transfer {
        .never("nobody there")
    }

    private func reply(_ response: HTTPResponse) -> HTTPReply {
        var bytes: [UInt8] = []
        if case .bytes(let content) = response.body { bytes = content }
        return HTTPReply(response.status, headers: response.headers, body: bytes)
    }
}
