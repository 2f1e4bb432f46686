import Domain
import Store
import Synchronization

/// Tells subscribers. What waits is in the store; memory holds only what is on the wire and a little that is next, so a
/// million waiting deliveries cost nothing here, and a receiver that is slow or dead fills only its own lane.
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

    let store: any WebhookOutbox
    let courier: any Courier
    let clock: @Sendable () -> Instant
    let onProblem: @Sendable (StoreError) -> Void
    /// A delivery that was not taken at its first try, or is not tried any more. What is between, the store tells.
    let onRefusal: @Sendable (DueDelivery, DeliveryAttempt) -> Void
    private(set) var settings: Settings
    var random = SystemRandomNumberGenerator()
    var board: LaneBoard
    let answers = Answers()
    var unrecorded = Unrecorded()
    var rounds = Rounds()
    private(set) var pings = Pings()
    private(set) var isDraining = false
    private var isRunning = false
    private var drained: [CheckedContinuation<Void, Never>] = []
    private let tally = Mutex(WebhookTally())
    nonisolated let alarm = WakeUp()
    /// Something may have become due.
    nonisolated let isNews = Atomic(true)

    package init(
        store: any WebhookOutbox, courier: any Courier, settings: Settings = Settings(),
        clock: @escaping @Sendable () -> Instant, onProblem: @escaping @Sendable (StoreError) -> Void,
        onRefusal: @escaping @Sendable (DueDelivery, DeliveryAttempt) -> Void = { _, _ in }
    ) {
        self.store = store
        self.courier = courier
        self.settings = settings
        self.clock = clock
        self.onProblem = onProblem
        self.onRefusal = onRefusal
        board = LaneBoard(concurrency: settings.concurrency, concurrencyPerLane: settings.concurrencyPerLane)
    }

    /// As of now. Never waits.
    package nonisolated var counts: WebhookTally { tally.withLock { $0 } }

    nonisolated func count(_ attempt: DeliveryAttempt, created: Instant, now: Instant) {
        tally.withLock { $0.count(attempt, created: created, now: now) }
    }

    package func configure(_ settings: Settings) {
        self.settings = settings
        board.concurrency = settings.concurrency
        board.concurrencyPerLane = settings.concurrencyPerLane
    }

    /// Something may have become due.
    package nonisolated func wake() {
        isNews.store(true, ordering: .releasing)
        alarm.ring()
    }

    /// Sends until drained. Sleeps while nothing is due; a problem of the store is told and tried again.
    package func run() async {
        isRunning = true
        while true {
            let now = clock()
            for answer in answers.take() { settle(answer, now: now) }
            beginRecording()
            if isDraining, board.onWire == 0, unrecorded.isEmpty { break }
            if !isDraining, !unrecorded.isHoldingBack { start(now) }
            await alarm.sleep(atMost: patience(clock()))
        }
        isRunning = false
        for waiter in drained { waiter.resume() }
        drained = []
    }

    /// Starts nothing new and returns when what is on the wire has been recorded.
    package func drain() async {
        isDraining = true
        alarm.ring()
        guard isRunning else { return }
        await withCheckedContinuation { drained.append($0) }
    }

    /// The outcome of the next try of `delivery`, for a ping that shows its answer. One that has to wait longer than
    /// anybody who looks at it is told of as not tried yet.
    package func nextAttempt(of delivery: DeliveryID, atMost patience: Duration = .seconds(60)) async -> DeliveryAttempt
    {
        if let known = pings.tried[delivery] { return known }
        let giveUp = Task {
            try? await Task.sleep(for: patience)
            pings.tell(.notYet(delivery, now: clock()))
        }
        defer { giveUp.cancel() }
        return await withCheckedContinuation { pings.await(delivery, $0) }
    }

    func tried(_ attempt: DeliveryAttempt, isPing: Bool) {
        if isPing { pings.keep(attempt) }
        pings.tell(attempt)
    }
}
