import Domain
import HTTP
import Providers
import Synchronization

@testable import Work

/// A provider that says what the test tells it to, and remembers what it was asked.
final class ScriptedDesk: Desk {
    struct Script: Sendable {
        var submit: @Sendable (Job) async -> Submitted = { .accepted(UpstreamHandle(id: "job-\($0.attempt.token)")) }
        var look: @Sendable (Job) async -> Looked = { _ in .running(percent: 50, status: "working", wait: nil) }
        var results: @Sendable (Job) async -> Fetched = { _ in .notYet }
        var reconcile: @Sendable (Job) async -> Reconciled = { _ in .unclear }
        var cancel: @Sendable (UpstreamHandle) -> Cancellation = { _ in .taken }
        var called: @Sendable (Job) async -> Called = { .news($0.attempt.handle) }
        var refusals: [Routing.Refusal] = []
    }

    struct Seen: Sendable {
        var submits: [Job] = []
        var looks = 0
        var results = 0
        var reconciliations = 0
        var canceled: [String] = []
    }

    let id: ProviderID
    let rank: Int
    let hasKey = true
    func isCalled(as other: any Desk) -> Bool { other is ScriptedDesk }
    let takesBytes = true
    let alwaysTextures: Bool
    let callsBack = false
    let canReconcile: Bool
    let reconcilesByResending = false
    private let concurrency: Int
    private let rate: RateGate.Rate?
    private let script: Mutex<Script>
    private let state = Mutex(Seen())

    init(
        _ id: ProviderID, rank: Int = 0, concurrency: Int = 100, rate: RateGate.Rate? = nil,
        alwaysTextures: Bool = false, canReconcile: Bool = false, _ adjust: (inout Script) -> Void = { _ in }
    ) {
        self.id = id
        self.rank = rank
        self.concurrency = concurrency
        self.rate = rate
        self.alwaysTextures = alwaysTextures
        self.canReconcile = canReconcile
        var script = Script()
        adjust(&script)
        self.script = Mutex(script)
    }

    var seen: Seen { state.withLock { $0 } }

    func change(_ adjust: (inout Script) -> Void) { script.withLock { adjust(&$0) } }

    func refusals(of request: GenerationRequest, pictures: Pictures, inline: Bool) -> [Routing.Refusal] {
        script.withLock { $0.refusals }
    }

    func adjustments(of request: GenerationRequest) -> [Adjustment] { [] }
    func cost(of request: GenerationRequest) -> Int64? { 250_000 }
    func typical(_ kind: RequestKind) -> Duration { .seconds(60) }

    func standing(_ settings: WorkSettings) -> Standing {
        Standing(isEnabled: true, concurrency: concurrency, rate: rate, breaker: settings.breaker)
    }

    func submit(_ job: Job, _ picture: PictureAtHand) async -> Submitted {
        state.withLock { $0.submits.append(job) }
        return await script.withLock { $0.submit }(job)
    }

    func look(_ job: Job, _ handle: UpstreamHandle) async -> Looked {
        state.withLock { $0.looks += 1 }
        return await script.withLock { $0.look }(job)
    }

    func results(_ job: Job, _ handle: UpstreamHandle) async -> Fetched {
        state.withLock { $0.results += 1 }
        return await script.withLock { $0.results }(job)
    }

    func reconcile(_ job: Job, _ picture: PictureAtHand) async -> Reconciled {
        state.withLock { $0.reconciliations += 1 }
        return await script.withLock { $0.reconcile }(job)
    }

    func read(callback headers: Headers, _ body: [UInt8], _ job: Job) async -> Called {
        await script.withLock { $0.called }(job)
    }

    func cancel(_ handle: UpstreamHandle) async -> Cancellation {
        state.withLock { $0.canceled.append(handle.id) }
        return script.withLock { $0.cancel }(handle)
    }
}

/// Files at addresses, as the test lays them out.
final class ScriptedWire: Wire {
    private let files = Mutex<[String: Result<[UInt8], Problem>]>([:])
    private let uploads = Mutex<[String]>([])

    struct Problem: Error { let transfer: Transfer }

    func put(_ bytes: [UInt8], at url: String) { files.withLock { $0[url] = .success(bytes) } }
    func break_(_ url: String, _ transfer: Transfer) {
        files.withLock { $0[url] = .failure(Problem(transfer: transfer)) }
    }

    var uploaded: [String] { uploads.withLock { $0 } }

    func download(_ url: String, to descriptor: Int32, limit: Int64, timeout: Duration) async -> Transfer {
        switch files.withLock({ $0[url] }) {
        case nil: return .never("status 404")
        case .failure(let problem): return problem.transfer
        case .success(let bytes):
            guard bytes.count <= limit else { return .never("too large") }
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { writeSome(descriptor, $0) }
                guard count > 0 else { return .ours("could not write") }
                rest = rest.dropFirst(count)
            }
            return .done(bytes: Int64(bytes.count))
        }
    }

    func upload(_ path: String, contentType: String, to url: String, timeout: Duration) async -> Transfer {
        uploads.withLock { $0.append(url) }
        if case .failure(let problem)? = files.withLock({ $0[url] }) { return problem.transfer }
        return .done(bytes: 0)
    }
}
