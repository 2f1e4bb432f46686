import API
import Domain
import Files
import HTTP
import HTTPClient
import HTTPServer
import Sandbox
import Store
import Synchronization
import Webhooks
import Work

/// All the rooms, joined. Built in the order in which they lean on each other, begun in that order, and ended in
/// reverse.
final class House: Sendable {
    let log: Log
    let store: SQLiteStore
    let files: LocalFiles
    let client: HTTPClient
    let receivers: HTTPClient
    let rules: Rules
    let sandbox: SandboxRoom
    let wire: HouseWire
    let desks: Desks
    let work: Work
    let sender: WebhookSender
    let courier: HTTPCourier
    let clock: RunClock
    let startedAt: Instant
    let listeners: [ServerConfiguration.Listener]
    let publicURL: String
    let signer: Signer
    let status: StatusBody
    private let state: Mutex<State>

    struct State {
        var configuration: Configuration
        var isDraining = false
        var reloads: (good: UInt64, bad: UInt64) = (0, 0)
        var server: HTTPServer?
        var api: API?
        var loops: [Task<Void, Never>] = []
        /// How to read the configuration again.
        var load: (@Sendable () throws(ConfigurationFailure) -> Configuration)?
    }

    init(
        _ configuration: Configuration, log: Log, onFatal: @escaping @Sendable (String) -> Void
    ) throws {
        self.log = log
        clock = RunClock.system()
        startedAt = clock.now()
        listeners = try configuration.listeners()
        publicURL = configuration.reachableURL(port: Self.port(of: listeners))
        let signer = Signer()
        self.signer = signer
        let links = SignedLinks(publicURL: publicURL, sign: { signer.sign($0) })
        let status = StatusBody(links: links)
        self.status = status
        store = try Self.open(configuration, status: status, onFatal: onFatal)
        signer.take(store.vault.signingKey("asset addresses"))
        files = try LocalFiles(
            directory: configuration.dataDirectory + "/assets", quota: Int64(configuration.assets.quotaBytes))
        client = try HTTPClient(name: "upstreams")
        receivers = try HTTPClient(name: "webhooks")

        let policy = configuration.outgoing(own: listeners)
        rules = Rules(policy)
        sandbox = SandboxRoom(
            duration: configuration.sandbox.duration, files: files, clock: clock, client: client,
            pictureBytes: configuration.inputs.pictureBytes, policy: { [rules] in rules.policy })
        wire = HouseWire(client: client, sandbox: sandbox, policy: { [rules] in rules.policy })
        desks = Desks(client: client, sandbox: sandbox, clock: clock)
        let pictures = Pictures(files: files, canHost: configuration.publicURL != nil) { picture, until in
            links.input(picture, until: until)
        }
        let tokenKey = store.vault.signingKey("attempts")
        let shop = Workshop(
            store: store, files: files, wire: wire, pictures: pictures,
            settings: configuration.back, desks: desks.all(configuration, policy: policy), clock: clock,
            journal: Self.journal(log), boot: store.boot, token: AttemptToken { Digests.hmac($0, key: tokenKey) })
        work = Work(shop)
        courier = HTTPCourier(
            client: receivers, policy: Self.webhookPolicy(configuration, listeners), now: { [clock] in clock.now() })
        sender = WebhookSender(
            store: store, courier: courier, settings: configuration.sender, clock: { [clock] in clock.now() },
            onProblem: { log(.error, "webhooks: the store refused", ["error": "\($0)"]) },
            onRefusal: { log.tell($0, $1) })
        state = Mutex(State(configuration: configuration))
    }

    private static func open(
        _ configuration: Configuration, status: StatusBody, onFatal: @escaping @Sendable (String) -> Void
    ) throws -> SQLiteStore {
        var options = StoreOptions()
        options.onFatal = onFatal
        options.copiesBeforeUpgrade = configuration.backsUpBeforeUpgrade
        return try SQLiteStore.open(
            directory: configuration.dataDirectory, options: options, rendering: status.rendering)
    }

    private static func port(of listeners: [ServerConfiguration.Listener]) -> UInt16 {
        for listener in listeners where listener.label == Listener.front {
            if case .tcp(let address) = listener.address { return address.port }
        }
        return 80
    }

    static func webhookPolicy(
        _ configuration: Configuration, _ listeners: [ServerConfiguration.Listener]
    ) -> CallPolicy {
        var policy = configuration.outgoing(own: listeners)
        policy.totalTimeout = configuration.webhooks.timeout
        return policy
    }

    private static func journal(_ log: Log) -> Journal {
        Journal { entry in
            let level = Log.Level(rawValue: entry.level.rawValue) ?? .info
            guard log.isOn(level) else { return }
            log.write(
                LogLine(
                    at: .now, level: level, message: entry.message, request: nil, task: entry.task?.description,
                    fields: entry.fields.map { ($0.name, .text($0.value)) }))
        }
    }

    var configuration: Configuration { state.withLock { $0.configuration } }

    func change<R: Sendable>(_ body: (inout State) -> sending R) -> R { state.withLock { body(&$0) } }
}
