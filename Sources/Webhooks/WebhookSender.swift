import Domain
import HTTP
import Store
import Synchronization

/// Tells subscribers. What waits is in the store; memory holds only what is on the wire, so a million waiting
/// deliveries cost nothing here, and a receiver that is slow or dead fills only its own lane.
package actor WebhookSender {
    package struct Settings: Sendable {
        package var schedule: RetrySchedule
        /// Sent at once to one receiver unless its owner says otherwise.
        package var concurrencyPerLane: Int
        /// Sent at once to all.
        package var concurrency: Int
        /// An endpoint that failed for so long without a success is disabled.
        package var disableAfter: Duration
        package var userAgent: String

        package init(
            schedule: RetrySchedule = .standard, concurrencyPerLane: Int = 16, concurrency: Int = 512,
            disableAfter: Duration = .seconds(120 * 3600), userAgent: String = "trellis-gateway"
        ) {
            self.schedule = schedule
            self.concurrencyPerLane = concurrencyPerLane
            self.concurrency = concurrency
            self.disableAfter = disableAfter
            self.userAgent = userAgent
        }
    }

    /// What one pass did, and when there may be more to do.
    package struct Outcome: Hashable, Sendable {
        package var started = 0
        /// When a lane held back by its own rate may go on; nil: nothing is held back so.
        package var heldUntil: Instant?
    }

    let store: any Store
    let courier: any Courier
    let clock: @Sendable () -> Instant
    let onProblem: @Sendable (StoreError) -> Void
    private(set) var settings: Settings
    private var random = SystemRandomNumberGenerator()
    private var lanes: [WebhookLane: Lane] = [:]
    private var inFlight = 0
    private var results: [DeliveryAttempt] = []
    private var isRecording = false
    private var waiters: [DeliveryID: [CheckedContinuation<DeliveryAttempt, Never>]] = [:]
    private(set) var isDraining = false
    private var idle: CheckedContinuation<Void, Never>?
    private let tally = Mutex(WebhookTally())
    /// As of now. Never waits.
    package nonisolated var counts: WebhookTally { tally.withLock { $0 } }
    nonisolated let alarm = WakeUp()

    package init(
        store: any Store, courier: any Courier, settings: Settings = Settings(),
        clock: @escaping @Sendable () -> Instant, onProblem: @escaping @Sendable (StoreError) -> Void
    ) {
        self.store = store
        self.courier = courier
        self.settings = settings
        self.clock = clock
        self.onProblem = onProblem
    }

    package func configure(_ settings: Settings) { self.settings = settings }

    /// Starts what may start now. All that `run()` adds is the waiting.
    package func runOnce(now: Instant) async throws(StoreError) -> Outcome {
        var outcome = Outcome()
        guard !isDraining, inFlight < settings.concurrency else { return outcome }
        for lane in try await store.dueLanes(skipping: blockedLanes(now), limit: 64, now: now) {
            let state = lanes[lane] ?? Lane(concurrency: settings.concurrencyPerLane)
            let room = min(state.concurrency - state.inFlight.count, settings.concurrency - inFlight)
            guard room > 0 else { continue }
            let due = try await store.dueDeliveries(in: lane, limit: room + state.inFlight.count, now: now)
            if let held = await start(due, in: lane, room: room, now: now, outcome: &outcome) {
                outcome.heldUntil = min(outcome.heldUntil ?? held, held)
            }
        }
        for (lane, state) in lanes {
            if state.isIdle { lanes[lane] = nil }
            if let until = state.slowUntil, state.isSlow(now) {
                outcome.heldUntil = min(outcome.heldUntil ?? until, until)
            }
        }
        return outcome
    }

    /// Lanes that take nothing now: full, or told to be left alone.
    func blockedLanes(_ now: Instant) -> Set<WebhookLane> {
        Set(lanes.filter { $0.value.isFull || $0.value.isSlow(now) }.map(\.key))
    }

    private func start(
        _ due: [DueDelivery], in lane: WebhookLane, room: Int, now: Instant, outcome: inout Outcome
    ) async -> Instant? {
        var left = room
        for item in due {
            guard left > 0, lanes[lane]?.inFlight.contains(item.delivery.id) != true else { continue }
            var state = lanes[lane] ?? Lane(concurrency: settings.concurrencyPerLane)
            state.configure(
                concurrency: item.endpoint?.concurrency ?? settings.concurrencyPerLane,
                perSecond: item.endpoint?.requestsPerSecond, now: now)
            let wait = state.admit(item.delivery.id, now: now)
            lanes[lane] = state
            if let wait { return now + wait }
            inFlight += 1
            left -= 1
            outcome.started += 1
            await send(item, in: lane)
        }
        return nil
    }

    private func send(_ item: DueDelivery, in lane: WebhookLane) async {
        var secrets = item.secrets
        let now = clock()
        if secrets.isEmpty {
            let fresh = WebhookSecret.make(.hmac, now: now, random: &random)
            if let made = try? await store.defaultSecret(of: item.account, make: { fresh }) { secrets = [made] }
        }
        let request = WebhookRequest.make(item, secrets: secrets, now: now, userAgent: settings.userAgent)
        courier.carry(request) { report in
            Task { await self.finished(item, in: lane, sentAt: now, report: report) }
        }
    }

    private func finished(_ item: DueDelivery, in lane: WebhookLane, sentAt: Instant, report: CourierReport) {
        let verdict = DeliveryVerdict(report.result)
        let now = clock()
        let tries = item.delivery.tries + 1
        var attempt = WebhookRequest.attempt(item, number: tries, at: sentAt, report: report)
        switch verdict.fate {
        case .delivered:
            attempt = attempt.followed(by: .delivered)
            lanes[lane]?.recovered()
        case .gone:
            attempt = attempt.followed(by: .abandoned)
        case .retry:
            var retryAfter: Duration?
            if case .answered(_, let asked) = report.result { retryAfter = asked }
            let next = settings.schedule.next(after: tries, now: now, retryAfter: retryAfter, random: &random)
            attempt = attempt.followed(by: next.map { .retry(at: $0) } ?? .abandoned)
            if verdict.slowsLane, let next { lanes[lane]?.slow(until: next) }
        }
        tally.withLock { $0.count(attempt, created: item.event.at, now: now) }
        results.append(attempt)
        if !isRecording {
            isRecording = true
            Task { await self.recordResults() }
        }
        if let endpoint = item.endpoint, let reason = disabling(endpoint, verdict.fate, now: now) {
            Task { await self.disable(endpoint.id, reason: reason, now: now) }
        }
    }

    /// Writes all results that came in while the last were being written: one transaction for as many as there are.
    private func recordResults() async {
        while !results.isEmpty {
            let batch = results
            results = []
            do {
                try await store.record(batch)
            } catch {
                // Not written: they stay due and will be sent again under the same id, which is what receivers
                // are promised.
                onProblem(error)
            }
            for attempt in batch {
                inFlight -= 1
                for lane in lanes.keys { lanes[lane]?.finished(attempt.delivery) }
                waiters.removeValue(forKey: attempt.delivery)?.forEach { $0.resume(returning: attempt) }
            }
            if inFlight == 0 {
                idle?.resume()
                idle = nil
            }
            alarm.ring()
        }
        isRecording = false
    }

    private func disabling(_ endpoint: WebhookEndpoint, _ fate: DeliveryVerdict.Fate, now: Instant) -> String? {
        switch fate {
        case .delivered: return nil
        case .gone: return "gone"
        case .retry:
            guard let since = endpoint.failingSince, now - since >= settings.disableAfter else { return nil }
            return "failing since \(since)"
        }
    }

    private func disable(_ endpoint: EndpointID, reason: String, now: Instant) async {
        do { try await store.disableEndpoint(endpoint, reason: reason, now: now) } catch { onProblem(error) }
    }

    /// The outcome of the next try of `delivery`: for a test ping that shows its answer.
    package func nextAttempt(of delivery: DeliveryID) async -> DeliveryAttempt {
        await withCheckedContinuation { continuation in
            waiters[delivery, default: []].append(continuation)
            alarm.ring()
        }
    }

    /// Starts nothing new and returns when what is on the wire has been recorded.
    package func drain() async {
        isDraining = true
        alarm.ring()
        guard inFlight > 0 else { return }
        await withCheckedContinuation { idle = $0 }
    }
}
