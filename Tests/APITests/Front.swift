import Domain
import Files
import Foundation
import HTTP
import JSON
import Store
import Synchronization
import Testing

@testable import API

/// A front on a real store and real files, with one customer in it; nothing behind it but what a test does by hand.
struct Front: Sendable {
    let api: API
    let store: SQLiteStore
    let files: LocalFiles
    let clock: StandingClock
    let account: AccountID
    /// Of scope `user`.
    let key: String
    let readKey: String
    let adminKey: String

    static func with(
        credits: Credits = 1000, settings: API.Settings = API.Settings(),
        _ adapt: (inout Surroundings) -> Void = { _ in }, _ body: (Front) async throws -> Void
    ) async throws {
        let directory = Rig.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let clock = StandingClock()
        let files = try LocalFiles(directory: directory + "/files", quota: 64 << 20)
        var around = Rig.surroundings(files: files, now: { clock.now })
        adapt(&around)
        let status = StatusBody(links: SignedLinks(publicURL: "http://gateway.test", sign: Rig.sign))
        let store = try SQLiteStore.open(directory: directory + "/data", rendering: status.rendering)
        let api = API(store: store, around: around, status: status, settings: settings)
        let account = try await store.createAccount(named: "acme", limits: .init(), now: clock.now)
        var keys: [Scope: String] = [:]
        for scope in Scope.allCases {
            keys[scope] = try await store.createKey(
                for: account.id, scope: scope, label: "", expiresAt: nil, spendCap: nil, now: clock.now
            ).token
        }
        if credits > .zero {
            _ = try await store.grant(credits, to: account.id, reference: "start", now: clock.now)
        }
        let front = Front(
            api: api, store: store, files: files, clock: clock, account: account.id, key: keys[.user] ?? "",
            readKey: keys[.read] ?? "", adminKey: keys[.admin] ?? "")
        try await body(front)
        let report = try await store.verifyLedger(against: nil)
        #expect(report.violation == nil, "every scenario ends with a ledger that verifies")
        await store.close()
    }

    static let body = "{\"image_url\":\"https://example.com/chair.png\"}"
    static let submitPath = "/v1/3d-models/trellis2/generate/"

    func get(_ target: String, headers: Headers = [:]) async -> Answer {
        await api.ask(.get, target, key: key, headers: headers)
    }

    func post(_ target: String, _ body: String? = nil, headers: Headers = [:]) async -> Answer {
        await api.ask(.post, target, key: key, headers: headers, body: body)
    }

    func submit(_ body: String = Front.body, headers: Headers = [:]) async -> Answer {
        await post(Self.submitPath, body, headers: headers)
    }

    /// Submits and answers the task's id.
    func task(_ body: String = Front.body) async throws -> TaskID {
        let answer = await submit(body)
        #expect(answer.status == 200, "\(answer.text)")
        return try #require(answer.json["task_id"]?.string.flatMap { TaskID($0) })
    }

    func operate(_ method: HTTPMethod, _ target: String, _ body: String? = nil) async -> Answer {
        await api.ask(method, target, body: body, listener: API.controlListener)
    }

    // MARK: What the back would do

    func begin(_ task: TaskID, slot: Int = 0) async throws {
        let now = clock.now
        let attempt = Attempt(
            id: .new(at: now), number: 1, provider: .sandbox, token: "token-\(AttemptID.new(at: now))",
            boot: store.boot, beganAt: now)
        _ = try await store.apply(.began(attempt), to: .init(task: task, slot: slot, attempt: nil), at: now)
        _ = try await store.apply(
            .accepted(.init(id: "upstream-1"), pollAt: now), to: .init(task: task, slot: slot, attempt: attempt.id),
            at: now)
    }

    func progress(_ task: TaskID, _ percent: Int, slot: Int = 0) async throws {
        _ = try await store.apply(
            .progressed(percent: percent, upstreamStatus: "sampling", pollAt: clock.now),
            to: try await reference(task, slot), at: clock.now)
    }

    /// A model of its own is made, with or without a picture of it.
    func finish(_ task: TaskID, slot: Int = 0, thumbnail: Bool = false, model: [UInt8] = Array("glTF…".utf8))
        async throws
    {
        let (now, reference) = (clock.now, try await reference(task, slot))
        let name = try files.keep(model)
        _ = try await store.apply(.ready(.init(id: "upstream-1")), to: reference, at: now)
        let finish = SlotEvent.Finish(
            model: Asset(
                kind: .model, place: .kept(sha256: name.sha256), byteCount: Int64(model.count),
                contentType: "model/gltf-binary"),
            thumbnail: thumbnail
                ? Asset(
                    kind: .thumbnail, place: .kept(sha256: try files.keep(Rig.picture).sha256),
                    byteCount: Int64(Rig.picture.count), contentType: "image/png")
                : nil,
            costMicrodollars: 25_000, expiresAt: now + .seconds(86_400))
        _ = try await store.apply(.finished(finish), to: reference, at: now)
    }

    /// Sent, and no answer came.
    func lose(_ task: TaskID) async throws {
        let now = clock.now
        let attempt = Attempt(
            id: .new(at: now), number: 1, provider: "fal", token: "token-\(AttemptID.new(at: now))", boot: store.boot,
            beganAt: now)
        _ = try await store.apply(.began(attempt), to: .init(task: task, slot: 0, attempt: nil), at: now)
        let evidence = Evidence(fault: "lost", message: "No answer came.")
        _ = try await store.apply(
            .lost(evidence, reconcileAt: now + .seconds(60)), to: .init(task: task, slot: 0, attempt: attempt.id),
            at: now)
    }

    func fail(_ task: TaskID, slot: Int = 0) async throws {
        let failure = Failure(code: "generation_failed", message: "The provider could not make a model of it.")
        _ = try await store.apply(.failed(failure, nil), to: try await reference(task, slot), at: clock.now)
    }

    private func reference(_ task: TaskID, _ slot: Int) async throws -> SlotReference {
        let task = try #require(try await store.task(task))
        return SlotReference(task: task.id, slot: slot, attempt: task.slots[slot].attempt?.id)
    }
}

/// Time as a test says it is.
final class StandingClock: Sendable {
    private let instant = Mutex(Rig.start)
    var now: Instant { instant.withLock { $0 } }
    func advance(_ duration: Duration) { instant.withLock { $0 = $0 + duration } }
}
