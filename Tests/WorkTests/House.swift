import Domain
import Files
import Foundation
import GLB
import Store
import Synchronization
import Testing

@testable import Work

func writeSome(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    write(descriptor, bytes.baseAddress, bytes.count)
}

/// The back of the house on a real store in a directory of its own, with time in the test's hand.
final class House: Sendable {
    let store: SQLiteStore
    let files: LocalFiles
    let wire: ScriptedWire
    let shop: Workshop
    let account: AccountID
    let key: KeyID
    private let time: Mutex<Instant>
    static let start = Instant(milliseconds: 1_760_000_000_000)
    static let model = "https://files.example.com/model.glb"

    private init(
        store: SQLiteStore, files: LocalFiles, desks: [any Desk], wire: any Wire, account: AccountID, key: KeyID,
        clock: RunClock?,
        _ adjust: (inout WorkSettings) -> Void
    ) {
        self.store = store
        self.files = files
        self.wire = wire as? ScriptedWire ?? ScriptedWire()
        self.account = account
        self.key = key
        let holder = TimeHolder()
        time = Mutex(Self.start)
        var settings = WorkSettings()
        adjust(&settings)
        shop = Workshop(
            store: store, files: files, wire: wire, pictures: Pictures(files: files, canHost: false) { _, _ in nil },
            settings: settings, desks: desks, clock: clock ?? RunClock { holder.house?.now ?? Self.start },
            journal: .silent, boot: store.boot,
            token: AttemptToken { text in
                // FNV-1a, a word for each eight bytes: no secret, and no two texts of a test alike.
                (0..<4).flatMap { place in
                    let word = text.reduce(0xcbf2_9ce4_8422_2325 &+ UInt64(place)) {
                        ($0 ^ UInt64($1)) &* 0x100_0000_01b3
                    }
                    return withUnsafeBytes(of: word) { Array($0) }
                }
            })
        holder.house = self
        store.onChange { [weak self] tasks in
            for task in tasks { _ = self?.shop.board.observe(task.task) }
        }
    }

    private final class TimeHolder: @unchecked Sendable {
        /// Set once, before anything runs.
        weak var house: House?
    }

    /// Every scenario ends with a ledger that verifies.
    static func with(
        _ desks: ScriptedDesk..., clock: RunClock? = nil, adjust: (inout WorkSettings) -> Void = { _ in },
        _ body: (House) async throws -> Void
    ) async throws {
        try await with(desks: desks, wire: ScriptedWire(), clock: clock, adjust: adjust, body)
    }

    static func with(
        desks: [any Desk], wire: any Wire, clock: RunClock?, adjust: (inout WorkSettings) -> Void,
        _ body: (House) async throws -> Void
    ) async throws {
        let directory = NSTemporaryDirectory() + "trellis-work-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try SQLiteStore.open(directory: directory, rendering: rendering)
        let files = try LocalFiles(directory: directory + "/assets", quota: 1 << 30)
        let account = try await store.createAccount(named: "acme", limits: .init(), now: start)
        let key = try await store.createKey(
            for: account.id, scope: .user, label: "test", expiresAt: nil, spendCap: nil, now: start)
        _ = try await store.grant(1_000_000, to: account.id, reference: "start", now: start)
        let house = House(
            store: store, files: files, desks: desks, wire: wire, account: account.id, key: key.key.id, clock: clock,
            adjust)
        try await body(house)
        let report = try await store.verifyLedger(against: nil)
        #expect(report.violation == nil)
        await store.close()
    }

    private static let rendering = Rendering(
        status: { Array($0.state.rawValue.utf8) }, event: { kind, _, _, _ in Array(kind.rawValue.utf8) })

    var now: Instant { time.withLock { $0 } }

    @discardableResult
    func advance(_ duration: Duration) -> Instant {
        time.withLock { time in
            time = time + duration
            return time
        }
    }

    // MARK: What a test does

    func submit(
        _ parameters: [Parameter: ParameterValue] = [:], slots: Int = 1, deadline: Duration = .seconds(1800),
        startWithin: Duration? = nil, account: AccountID? = nil, key: KeyID? = nil,
        _ adjust: (inout GenerationRequest) -> Void = { _ in }
    ) async throws -> TaskID {
        var request = GenerationRequest(
            picture: .url("https://example.com/chair.png"), parameters: Parameters(parameters))
        adjust(&request)
        let at = shop.clock.now()
        let task = GenerationTask(
            id: .new(at: at), account: account ?? self.account, key: key ?? self.key, request: request, createdAt: at,
            deadline: at + deadline, startBy: startWithin.map { at + $0 },
            slots: (0..<slots).map { index in
                var charges = [Charge(slot: index, item: .model, amount: 30)]
                if request.parameters.flag(.generateThumbnail) {
                    charges.append(Charge(slot: index, item: .thumbnail, amount: 2))
                }
                return Slot(index: index, seed: 7, charges: charges, dueAt: at)
            })
        let submission = Submission(
            task: task, idempotency: nil, answer: [], concurrentTasks: 100_000, spendCap: nil)
        guard case .created = try await store.submit(submission) else { throw Unexpected("not created") }
        return task.id
    }

    func task(_ id: TaskID) async throws -> GenerationTask { try #require(try await store.task(id)) }
    func slot(_ id: TaskID, _ index: Int = 0) async throws -> Slot { try await task(id).slots[index] }
    func wallet() async throws -> Wallet { try await store.wallet(of: account) }

    // MARK: The duties, one turn each

    func dispatch() async throws -> Counts { try await dispatcher.runOnce(now: now) }
    func poll() async throws -> Counts { try await Poller(shop).runOnce(now: now) }
    func finish() async throws -> Counts { try await Finisher(shop, models: models).runOnce(now: now) }
    func reap() async throws -> Counts { try await Reaper(shop).runOnce(now: now) }
    func reconcile() async throws -> Counts { try await Reconciler(shop).runOnce(now: now) }
    func rescue() async throws -> Counts { try await Rescuer(shop).runOnce(now: now) }

    let models = ModelWork(atOnce: 1)
    private let dispatching = Mutex<Dispatcher?>(nil)
    var dispatcher: Dispatcher {
        dispatching.withLock { dispatching in
            if let dispatching { return dispatching }
            let new = Dispatcher(shop)
            dispatching = new
            return new
        }
    }

    /// A small model with textures.
    static let glb: [UInt8] = (try? SampleModel.build(faces: 200, texture: .png, side: 64, seed: 7)) ?? []

    /// The job is done, and its model is at `model`.
    static let done: @Sendable (Job) async -> Looked = { _ in .done(UpstreamResults(model: .url(model))) }
}

struct Unexpected: Error {
    let what: String
    init(_ what: String) { self.what = what }
}
