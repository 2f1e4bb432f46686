import Domain
import HTTP
import Store
import Synchronization

/// The back of the house, whole: starts the loops, passes hints to them, and brings them to rest.
package final class Work: Sendable {
    package let shop: Workshop
    private let dispatcher: Loop
    private let poller: Loop
    private let finisher: Loop
    private let reconciler: Loop
    private let rescuer: Loop
    private let reaper: Loop
    private let canceler: Loop
    private let looks: Poller
    private let cancels: Canceler
    private let running = Mutex<[Task<Void, Never>]>([])

    package init(_ shop: Workshop) {
        self.shop = shop
        let settings = shop.settings
        looks = Poller(shop)
        cancels = Canceler(shop)
        let finishing = Finisher(shop, models: ModelWork(atOnce: settings.rendersAtOnce))
        dispatcher = Loop(Dispatcher(shop), shop, width: settings.submitsAtOnce)
        poller = Loop(looks, shop, width: settings.looksAtOnce)
        finisher = Loop(finishing, shop, width: settings.fetchesAtOnce)
        reconciler = Loop(Reconciler(shop), shop, width: 16)
        rescuer = Loop(Rescuer(shop), shop, width: 64)
        reaper = Loop(Reaper(shop), shop, width: 64)
        canceler = Loop(cancels, shop, width: 16)
    }

    private var loops: [Loop] { [dispatcher, poller, finisher, reconciler, rescuer, reaper, canceler] }

    /// Recovers what an earlier run left and begins. Returns when the loops run.
    package func start() async throws(StoreError) {
        try await recall()
        shop.store.onChange { [weak self] tasks in
            guard let self else { return }
            let earliest = earliestDispatch()
            for task in tasks { observe(task.task, dispatchAt: earliest) }
        }
        try await adopt()
        running.withLock { running in
            running = loops.map { loop in Task { await loop.run() } }
        }
    }

    /// Learns which providers an operator turned on or off; all that a command on a stopped gateway needs to know.
    package func recall() async throws(StoreError) {
        for state in try await shop.store.providerStates() { shop.board.setOverride(state.enabled, of: state.provider) }
    }

    /// Takes note of all that is under way, so that places are counted and alarms are set.
    private func adopt() async throws(StoreError) {
        var cursor: String?
        repeat {
            let filter = TaskFilter(
                states: [.submitting, .unknown, .running, .fetching], cursor: cursor, limit: 500)
            let page = try await shop.store.tasks(of: nil, filter)
            for task in page.items { observe(task) }
            cursor = page.next
        } while cursor != nil
        // Of the queue only what may have been put off; a long one keeps the dispatcher awake by itself.
        let queued = try await shop.store.tasks(of: nil, TaskFilter(states: [.queued], limit: 500))
        for task in queued.items { observe(task) }
        // A stop may have come before a job that was called off here was called off there. To do so twice is harmless.
        for task in try await shop.store.abandoned(since: shop.clock.now() - Canceler.memory) { observe(task) }
    }

    /// Ends in order: nothing new is sent, what is on its way may arrive, for as long as `patience`.
    package func drain(patience: Duration) async {
        shop.stop()
        let tasks = running.withLock { running in
            defer { running = [] }
            return running
        }
        for task in tasks { task.cancel() }
        for loop in loops { loop.alarm.ring() }
        for task in tasks { await task.value }
        // Looks and downloads can be had again; what is being bought may arrive.
        for loop in [poller, finisher, canceler, rescuer, reaper] { loop.errands.callOff() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.settled() }
            group.addTask { try? await Task.sleep(for: patience) }
            await group.next()
            // A submit that still has no answer stays as it is in its row; the next run finds out.
            group.cancelAll()
        }
    }

    /// Returns when no errand is under way.
    package func settled() async { for loop in loops { await loop.errands.drained() } }

    /// The earliest that queued work is to be looked at. While nobody has room that is when somebody may have: to be
    /// woken by each commit only to find everybody still busy would cost more than the rest of its news. A job's end
    /// rings by itself.
    private func earliestDispatch() -> Instant {
        let now = shop.clock.now()
        if shop.board.freePlaces(at: now) > 0 { return Instant(milliseconds: 0) }
        let tick = Instant(milliseconds: (now.milliseconds / Self.fullTick + 1) * Self.fullTick)
        return shop.board.nextOpening(after: now).map { min($0, tick) } ?? tick
    }

    /// Milliseconds between looks while nobody has room, should a ring be missed.
    private static let fullTick: Int64 = 100

    /// Called for every task a commit has changed, on the writer's queue: only rings.
    private func observe(_ task: GenerationTask, dispatchAt earliest: Instant = Instant(milliseconds: 0)) {
        if shop.board.observe(task) { dispatcher.alarm.ring() }
        looks.observe(task)
        var isRunning = false
        var isUnfinished = false
        for slot in task.slots {
            guard !slot.state.isFinal else { continue }
            isUnfinished = true
            guard let due = slot.dueAt else { continue }
            switch slot.state {
            case .queued: dispatcher.alarm.set(max(due, earliest))
            case .running: isRunning = true
            case .fetching: finisher.alarm.set(due)
            case .unknown: reconciler.alarm.set(due)
            case .submitting, .finished, .failed, .canceled, .expired: break
            }
        }
        if isRunning, let moment = looks.nextLook(after: shop.clock.now()) { poller.alarm.set(moment) }
        if isUnfinished {
            reaper.alarm.set(min(task.deadline, task.startedAt == nil ? task.startBy ?? task.deadline : task.deadline))
        }
        // One slot may be called off while another's file is still on its way.
        if cancels.observe(task) { canceler.alarm.ring() }
    }

    /// Takes a new configuration while everything runs on.
    package func configure(_ settings: WorkSettings, desks: [any Desk]) {
        shop.configure(settings, desks: desks)
        for loop in loops { loop.alarm.ring() }
    }

    /// An operator has taken a provider out, or put it back, and that is a row already. Whoever waits for it goes now.
    /// Putting it back closes its breakers, also when it was never taken out: this is how to say that it is mended.
    package func changed(_ provider: ProviderID, isEnabled: Bool?) {
        shop.board.setOverride(isEnabled, of: provider)
        if isEnabled != false { shop.board.forgive(provider) }
        dispatcher.alarm.ring()
    }

    package enum CallbackAnswer: Hashable, Sendable {
        case taken
        /// No such attempt, or not that provider's.
        case unknown
        case forged
    }

    /// A provider called: only a reason to look now. Its word is never taken for the result.
    package func handleCallback(
        from provider: ProviderID, token: String, headers: Headers, body: [UInt8]
    ) async -> CallbackAnswer {
        guard let due = try? await shop.store.slot(token: token), let attempt = due.slot.attempt,
            attempt.token == token, attempt.provider == provider, let desk = shop.desk(provider)
        else {
            shop.tally.callback(provider, "unknown")
            return .unknown
        }
        let job = Job(task: due.task, slot: due.slot, attempt: attempt)
        guard case .news(let handle) = await desk.read(callback: headers, body, job) else {
            shop.tally.callback(provider, "forged")
            shop.journal.note(.warning, "forged callback", task: due.task.id, ["provider": provider.rawValue])
            return .forged
        }
        shop.tally.callback(provider, "taken")
        switch due.slot.state {
        case .running: poller.begin(looks.errand(for: due))
        case .unknown:
            if let handle {
                _ = await shop.record(.accepted(handle, pollAt: shop.clock.now()), due.reference, persistently: true)
            }
        case .submitting:
            // The answer to the submit may still come, or be lost: then this is how the job is found again.
            if let handle { try? await shop.store.keepHandle(handle, attempt: attempt.id, now: shop.clock.now()) }
        case .queued, .fetching, .finished, .failed, .canceled, .expired: break
        }
        return .taken
    }
}
