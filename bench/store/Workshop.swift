import Domain
import Glibc
import Store

/// A store in a directory of its own with one rich customer.
struct Workshop {
    let store: SQLiteStore
    let account: AccountID
    let key: KeyID
    let directory: String

    static let start = Instant(milliseconds: 1_760_000_000_000)

    init(in parent: String, batch: Int = 128) async throws {
        try await self.init(
            at: "\(parent)/bench-store-\(getpid())-\(UInt32.random(in: 0 ... .max))", batch: batch)
    }

    init(at directory: String, batch: Int = 128, synchronous: StoreOptions.Synchronous = .full) async throws {
        self.directory = directory
        var options = StoreOptions()
        options.largestCommit = batch
        options.synchronous = synchronous
        store = try SQLiteStore.open(directory: directory, options: options, rendering: Self.rendering)
        let account = try await store.createAccount(named: "bench", limits: .init(), now: Self.start)
        self.account = account.id
        key = try await store.createKey(
            for: account.id, scope: .user, label: "", expiresAt: nil, spendCap: nil, now: Self.start
        ).key.id
        _ = try await store.grant(1_000_000_000_000, to: account.id, reference: "start", now: Self.start)
    }

    static let rendering = Rendering(
        status: { Array("{\"task_id\":\"\($0.id)\",\"status\":\"\($0.state.rawValue)\"}".utf8) },
        event: { kind, _, id, _ in Array("{\"type\":\"\(kind.rawValue)\",\"id\":\"\(id)\"}".utf8) })

    /// The same store, opened again.
    func reopened() async throws -> Workshop {
        await store.close()
        return Workshop(
            store: try SQLiteStore.open(directory: directory, rendering: Self.rendering), account: account, key: key,
            directory: directory)
    }

    private init(store: SQLiteStore, account: AccountID, key: KeyID, directory: String) {
        (self.store, self.account, self.key, self.directory) = (store, account, key, directory)
    }

    func close() async {
        await store.close()
        for name in ["gateway.db", "gateway.db-wal", "gateway.db-shm", "lock", "master.key"] {
            unlink(directory + "/" + name)
        }
        rmdir(directory)
    }

    func task(_ account: AccountID? = nil, at now: Instant = Self.now) -> GenerationTask {
        let id = TaskID.new(at: now)
        return GenerationTask(
            id: id, account: account ?? self.account, key: key, request: Self.request, createdAt: now,
            deadline: now + .seconds(1800),
            slots: [Slot(index: 0, seed: 7, charges: [Charge(slot: 0, item: .model, amount: 30)], dueAt: now)])
    }

    func submission(_ task: GenerationTask) -> Submission {
        Submission(
            task: task,
            idempotency: IdempotencyKey(
                endpoint: "POST /v1/3d-models/trellis2/generate", key: task.id.description,
                fingerprint: Self.fingerprint, expiresAt: task.createdAt + .seconds(604_800)),
            answer: Self.answer, concurrentTasks: .max, spendCap: nil)
    }

    static let request = GenerationRequest(
        picture: .url("https://example.com/pictures/of/a/chair-in-the-garden.png"),
        parameters: Parameters([
            .resolution: .integer(1024), .steps: .integer(12), .textures: .flag(true), .textureSize: .integer(2048),
            .seed: .integer(123_456_789), .decimationTarget: .integer(1_000_000),
        ]), metadata: ["order": "4711", "shop": "garden"])
    static let fingerprint = [UInt8](repeating: 7, count: 32)
    static let answer = Array(
        """
        {"task_id":"0199a8f0-0000-7000-8000-000000000000","created_at":"2026-11-21T02:05:00Z","status":"PENDING",\
        "credits":30,"status_url":"http://127.0.0.1:8080/v1/generation-request/0199a8f0-0000-7000-8000-000000000000/status/"}
        """.utf8)

    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Seconds that only go forward.
    static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
