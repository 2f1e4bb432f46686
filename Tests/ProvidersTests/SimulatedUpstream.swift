import HTTP
import Providers
import Simulation
import Testing

/// The strict simulator as an upstream, without a socket between.
struct SimulatedUpstream {
    var world: World
    var now: Int64 = 1_700_000_000_000
    static let base = "http://simulator.test"
    static let models = ModelShelf(faces: 12, side: 4)

    init() throws {
        let signer = try #require(WebhookSigner(seed: WebhookSigner.testKey))
        world = World(signer: signer, models: Self.models)
        world.settings.requestsPerMinute = [:]
        for id in world.balances.keys { world.balances[id] = .max / 2 }
    }

    func settings(_ provider: Provider) -> ProviderSettings {
        ProviderSettings(baseURL: Self.base, key: Secret("key-for-\(provider.id)"))
    }

    mutating func send(_ request: OutgoingRequest) -> HTTPReply {
        let target = String(request.url.dropFirst(Self.base.count))
        var body: [UInt8] = []
        if case .bytes(let bytes) = request.body { body = bytes }
        let response = world.respond(
            to: HTTPRequest(request.method, target, headers: request.headers, body: body), base: Self.base, now: now
        ).response
        var bytes: [UInt8] = []
        if case .bytes(let content) = response.body { bytes = content }
        return HTTPReply(response.status, headers: response.headers, body: bytes)
    }
}
