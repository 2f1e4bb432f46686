import Domain
import Foundation
import HTTP
import HTTPClient
import Store
import Synchronization
import Testing

@testable import Webhooks

/// A sender on a real store that sends over real sockets.
struct SenderRig {
    let store: SQLiteStore
    let outbox: MoodyOutbox
    let sender: WebhookSender
    let account: AccountID
    private let client: HTTPClient

    static func with(
        schedule: [Double] = [0, 3600], concurrency: Int = 512, callsInFlight: Int? = nil,
        _ body: (SenderRig) async throws -> Void
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "trellis-webhooks-\(UUID())").path()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try SQLiteStore.open(
            directory: directory, options: StoreOptions(),
            rendering: Rendering(status: { _ in [] }, event: { kind, _, _, _ in Array(kind.rawValue.utf8) }))
        let account = try await store.createAccount(named: "acme", limits: .init(), now: now())
        var limits = ClientLimits()
        if let callsInFlight { limits.callsInFlight = callsInFlight }
        let client = try HTTPClient(name: "receivers", limits: limits)
        guard let loopback = AddressRange("127.0.0.0/8") else { return }
        var policy = CallPolicy(egress: EgressPolicy(allowed: [loopback], allowsPlainHTTP: true))
        policy.totalTimeout = .seconds(600)
        let outbox = MoodyOutbox(store)
        let sender = WebhookSender(
            store: outbox, courier: HTTPCourier(client: client, policy: policy, now: now),
            settings: .init(schedule: RetrySchedule(waits: schedule.map { .seconds($0) }), concurrency: concurrency),
            clock: now, onProblem: { _ in })
        let run = Task { await sender.run() }
        try await body(SenderRig(store: store, outbox: outbox, sender: sender, account: account.id, client: client))
        async let drained: Void = sender.drain()
        await client.close()
        await drained
        await run.value
        await store.close()
    }

    func closeClient() async { await client.close() }

    /// Calls that found no room.
    var turnedAway: Int { client.metrics.failed[.overloaded] ?? 0 }

    @Sendable static func now() -> Instant { Instant(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }

    func endpoint(_ receiver: Receiver, perSecond: Double? = nil, of other: AccountID? = nil) async throws -> EndpointID
    {
        var random = SystemRandomNumberGenerator()
        let endpoint = WebhookEndpoint(
            id: .new(at: Self.now()), account: other ?? account, url: receiver.url, description: "", kinds: [],
            headers: [:], requestsPerSecond: perSecond, concurrency: nil, createdAt: Self.now())
        try await store.createEndpoint(endpoint, secret: .make(.hmac, now: Self.now(), random: &random))
        return endpoint.id
    }

    @discardableResult
    func tell(_ endpoint: EndpointID, of other: AccountID? = nil, times: Int = 1) async throws -> [DeliveryID] {
        var told: [DeliveryID] = []
        for _ in 0..<times {
            let now = Self.now()
            let event = Event(
                id: .new(at: now), account: other ?? account, kind: .ping, task: nil, at: now, body: Array("{}".utf8))
            told.append(try await store.announce(event, to: endpoint))
        }
        sender.wake()
        return told
    }

    func until(_ what: Comment, _ condition: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !condition() {
            if ContinuousClock.now > end {
                Issue.record("never came true: \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

/// The real store, but for days on which it cannot write; counts how often it is asked.
final class MoodyOutbox: WebhookOutbox {
    private let store: SQLiteStore
    private let full = Atomic(false)
    private let refused = Atomic(0)
    private let asked = Atomic(0)

    init(_ store: SQLiteStore) { self.store = store }

    func fill(_ isFull: Bool) { full.store(isFull, ordering: .relaxed) }
    var refusals: Int { refused.load(ordering: .relaxed) }
    var questions: Int { asked.load(ordering: .relaxed) }

    func dueLanes(after lane: WebhookLane?, limit: Int, now: Instant) async throws(StoreError) -> DueLanes {
        asked.add(1, ordering: .relaxed)
        return try await store.dueLanes(after: lane, limit: limit, now: now)
    }

    func dueDeliveries(_ wishes: [LaneWish], now: Instant) async throws(StoreError) -> [LaneMail] {
        asked.add(1, ordering: .relaxed)
        return try await store.dueDeliveries(wishes, now: now)
    }

    func record(_ attempts: [DeliveryAttempt]) async throws(StoreError) {
        try refuseIfFull()
        try await store.record(attempts)
    }

    func defaultSecret(
        of account: AccountID, make: @Sendable () -> WebhookSecret
    ) async throws(StoreError) -> WebhookSecret {
        try refuseIfFull()
        return try await store.defaultSecret(of: account, make: make)
    }

    func disableEndpoint(_ id: EndpointID, reason: String, now: Instant) async throws(StoreError) {
        try await store.disableEndpoint(id, reason: reason, now: now)
    }

    private func refuseIfFull() throws(StoreError) {
        guard full.load(ordering: .relaxed) else { return }
        refused.add(1, ordering: .relaxed)
        throw .diskFull
    }
}
