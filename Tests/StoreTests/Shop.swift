import Domain
import Glibc
import Testing

@testable import Store

/// A store in a directory of its own, with one customer in it; removed when the test is over.
struct Shop {
    let store: SQLiteStore
    let directory: String
    let account: AccountID
    let key: KeyID
    let token: String

    static let start = Instant(milliseconds: 1_760_000_000_000)
    static let rendering = Rendering(
        status: { Array("\($0.id) \($0.state.rawValue) \($0.version)".utf8) },
        event: { kind, _, id, _ in Array("\(kind.rawValue) \(id)".utf8) })

    /// `credits` are granted to begin with. A scenario that closes the store says how it is opened again.
    static func with(
        credits: Credits = 1000, spendCap: Credits? = nil, options: StoreOptions = StoreOptions(),
        _ body: (Shop) async throws -> Void, then reopened: ((Shop) async throws -> SQLiteStore)? = nil
    ) async throws {
        let directory = temporaryDirectory()
        defer { remove(directory) }
        let store = try SQLiteStore.open(directory: directory, options: options, rendering: rendering)
        let account = try await store.createAccount(named: "acme", limits: .init(), now: start)
        let (key, token) = try await store.createKey(
            for: account.id, scope: .user, label: "test", expiresAt: nil, spendCap: spendCap, now: start)
        if credits > .zero { _ = try await store.grant(credits, to: account.id, reference: "start", now: start) }
        let shop = Shop(store: store, directory: directory, account: account.id, key: key.id, token: token)
        try await body(shop)
        let last = try await reopened?(shop) ?? store
        let report = try await last.verifyLedger(against: nil)
        #expect(report.violation == nil, "every scenario ends with a ledger that verifies")
        await last.close()
    }

    func reopened(options: StoreOptions = StoreOptions()) async throws -> SQLiteStore {
        await store.close()
        return try SQLiteStore.open(directory: directory, options: options, rendering: Self.rendering)
    }

    static func temporaryDirectory() -> String {
        var template = Array("/tmp/trellis-store-XXXXXX".utf8CString)
        return template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = mkdtemp(start) else { return "/tmp/trellis-store" }
            return String(cString: made)
        }
    }

    static func remove(_ directory: String) {
        guard let entries = opendir(directory) else { return }
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { unlink(directory + "/" + name) }
        }
        closedir(entries)
        rmdir(directory)
    }

    func task(
        price: Credits = 30, thumbnail: Credits? = nil, slots: Int = 1, at now: Instant = start,
        request: GenerationRequest = GenerationRequest(picture: .url("https://example.com/chair.png")),
        account: AccountID? = nil, deadline: Duration = .seconds(1800), startWithin: Duration? = nil
    ) -> GenerationTask {
        GenerationTask(
            id: .new(at: now), account: account ?? self.account, key: key, request: request, createdAt: now,
            deadline: now + deadline, startBy: startWithin.map { now + $0 },
            slots: (0..<slots).map { index in
                var charges = [Charge(slot: index, item: .model, amount: price)]
                if let thumbnail { charges.append(Charge(slot: index, item: .thumbnail, amount: thumbnail)) }
                return Slot(index: index, seed: 7, charges: charges, dueAt: now)
            })
    }

    func submission(
        _ task: GenerationTask, key: String? = nil, fingerprint: UInt8 = 1, concurrentTasks: Int = 1000,
        spendCap: Credits? = nil, keptFor: Duration = .seconds(86_400)
    ) -> Submission {
        Submission(
            task: task,
            idempotency: key.map {
                IdempotencyKey(
                    endpoint: "generate", key: $0, fingerprint: [UInt8](repeating: fingerprint, count: 32),
                    expiresAt: task.createdAt + keptFor)
            }, answer: Array("answer to \(task.id)".utf8), concurrentTasks: concurrentTasks, spendCap: spendCap)
    }

    @discardableResult
    func submit(_ task: GenerationTask) async throws -> GenerationTask {
        guard case .created = try await store.submit(submission(task)) else { throw Unexpected("not created") }
        return task
    }

    func attempt(_ number: Int = 1, at now: Instant = start, provider: ProviderID = "fal", boot: Int64 = 1) -> Attempt {
        Attempt(
            id: .new(at: now), number: number, provider: provider, token: "token-\(AttemptID.new(at: now))", boot: boot,
            beganAt: now)
    }

    /// Takes a slot through all states to its file.
    func finish(_ task: TaskID, slot: Int = 0, thumbnail: Bool = false, sha256: String = "ab", at now: Instant = start)
        async throws
    {
        let attempt = attempt(at: now)
        let begun = SlotReference(task: task, slot: slot, attempt: attempt.id)
        _ = try await store.apply(.began(attempt), to: .init(task: task, slot: slot, attempt: nil), at: now)
        _ = try await store.apply(.accepted(.init(id: "u"), pollAt: now), to: begun, at: now)
        _ = try await store.apply(.ready(.init(id: "u")), to: begun, at: now)
        _ = try await store.apply(
            .finished(Self.files(thumbnail: thumbnail, sha256: sha256, at: now)), to: begun, at: now)
    }

    static func files(thumbnail: Bool = false, sha256: String = "ab", at now: Instant = start) -> SlotEvent.Finish {
        SlotEvent.Finish(
            model: Asset(
                kind: .model, place: .kept(sha256: sha256), byteCount: 9, contentType: "model/gltf-binary"),
            thumbnail: thumbnail
                ? Asset(kind: .thumbnail, place: .kept(sha256: sha256 + "t"), byteCount: 3, contentType: "image/png")
                : nil,
            costMicrodollars: 120_000, expiresAt: now + .seconds(86_400))
    }

    func balance() async throws -> Credits { try await store.wallet(of: account).balance }

    /// Runs SQL on the files as an intruder would, outside the engine.
    func sqlite(_ sql: String) throws {
        let database = try Database(path: directory + "/gateway.db", role: .copier)
        try database.execute(sql)
    }
}

/// An answer of another kind than the scenario is about.
struct Unexpected: Error {
    let what: String
    init(_ what: Any) { self.what = "\(what)" }
}

extension Shop {
    /// All that sign for an endpoint, newest first.
    func secrets(of endpoint: EndpointID, now: Instant) async throws -> [WebhookSecret] {
        try await store.readers.read { [account, vault = store.vault] database in
            try database.secrets(of: account, endpoint: endpoint, now: now, vault)
        }
    }
}
