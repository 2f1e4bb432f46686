import Domain
import Store
import Synchronization

/// Looks at running jobs when their next look is due: its cost follows what is due, not what runs. A look that tells
/// nothing new writes no row.
package struct Poller: Duty {
    package let name = "poller"
    /// A callback that came during a look.
    package let repeats = true
    private let shop: Workshop
    private let agenda = Agenda()
    private let dice = Dice()
    private let lastSweep = LastSweep()

    package init(_ shop: Workshop) { self.shop = shop }

    /// Rows are as old as this at most while a job runs on with no news, as far as `checked_at` in its status goes.
    private static let longestSilence = Duration.seconds(30)
    /// Until a look that is under way is asked for again.
    private static let untilFree = Duration.milliseconds(100)
    /// Until a row that the store could not give is asked for again.
    private static let untilReadable = Duration.seconds(1)
    /// Rows are gone through this often, for jobs that nobody told us of: there should be none.
    private static let betweenSweeps = Duration.seconds(60)

    private final class LastSweep: Sendable {
        let moment = Mutex<Instant?>(nil)
    }

    /// Takes note of what a commit says of a task's running slots.
    package func observe(_ task: GenerationTask) {
        for slot in task.slots {
            let key = SlotKey(task.id, slot.index)
            if slot.state == .running, let due = slot.dueAt {
                agenda.set(key, at: due)
            } else {
                agenda.remove(key)
            }
        }
    }

    package func nextLook(after now: Instant) -> Instant? { agenda.next(grain: shop.pace.lookGrain) }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        var errands: [Errand] = []
        for key in agenda.take(limit, at: now) {
            if busy.contains(key) {
                // Whoever has it in hand may have put it on the agenda already, and has just not let go of it.
                if !agenda.knows(key) { agenda.set(key, at: now + Self.untilFree) }
                continue
            }
            do throws(StoreError) {
                guard let due = try await due(key) else { continue }
                errands.append(errand(for: due))
            } catch {
                // The row cannot be read now: this look is put off, and the others are not lost with it.
                guard error != .closed else { throw error }
                shop.journal.note(.error, "could not look at a job", task: key.task, ["error": "\(error)"])
                if !agenda.knows(key) { agenda.set(key, at: now + Self.untilReadable) }
            }
        }
        return try await errands + sweep(limit: limit - errands.count, busy: busy, now: now)
    }

    private func due(_ key: SlotKey) async throws(StoreError) -> DueSlot? {
        guard let task = try await shop.store.task(key.task), task.slots[key.slot].state == .running else { return nil }
        return DueSlot(task: task, index: key.slot)
    }

    /// What rows say is due and the agenda does not know of. The first time all of it, later what has been due so
    /// long that it must have been forgotten.
    private func sweep(limit: Int, busy: Busy, now: Instant) async throws(StoreError) -> [Errand] {
        let last = lastSweep.moment.withLock { $0 }
        if let last, now - last < Self.betweenSweeps { return [] }
        lastSweep.moment.withLock { $0 = now }
        let moment = last == nil ? now : now - Self.betweenSweeps
        return try await shop.store.due([.running], limit: limit + busy.count, now: moment).compactMap { due in
            busy.contains(due.key) || agenda.knows(due.key) ? nil : errand(for: due)
        }
    }

    /// One look, whether it is due or a callback asked for it.
    package func errand(for due: DueSlot) -> Errand {
        Errand(due.key) { await look(due) }
    }

    private func look(_ due: DueSlot) async -> Outcome {
        guard let attempt = due.slot.attempt, let handle = attempt.handle else { return .stale }
        let provider = attempt.provider
        guard let desk = shop.desk(provider), desk.hasKey else {
            // Taken out of the config with jobs under way: they wait for it to come back, or for their deadline.
            return await next(due, until: shop.clock.now() + shop.pace.wait(.seconds(30)))
        }
        let now = shop.clock.now()
        if let until = shop.board.takeLook(provider, at: now) {
            return await next(due, until: until)
        }
        let looked = await desk.look(shop.job(due, attempt), handle)
        let outcome = await record(looked, due, attempt, handle, desk)
        shop.tally.looked(provider, outcome)
        return outcome
    }

    private func record(
        _ looked: Looked, _ due: DueSlot, _ attempt: Attempt, _ handle: UpstreamHandle, _ desk: any Desk
    ) async -> Outcome {
        let now = shop.clock.now()
        let kind = RequestKind(due.task.request.parameters)
        switch looked {
        case .running(let percent, let status, let wait):
            let guess = percent ?? estimate(attempt, kind, desk, now: now)
            return await goesOn(due, percent: guess, status: status, pollAt: at(due, wait, desk))
        case .done(let results):
            guard let knowing = await KnownResults.handle(handle, knowing: results, files: shop.files) else {
                return await next(due, until: now + shop.pace.wait(.seconds(10)))
            }
            let took = now - (attempt.acceptedAt ?? attempt.beganAt)
            shop.board.change(desk.id) { $0.generationSucceeded(kind, after: took, at: now) }
            shop.tally.generated(desk.id, took: took)
            return await tell(.ready(knowing), due, persistently: true)
        case .gone(let evidence):
            // Said once, it may be a slip; said twice in a row, the job is lost.
            guard due.slot.upstreamStatus == Self.missing else {
                let soon = at(due, .seconds(5), desk)
                return await tell(.progressed(percent: nil, upstreamStatus: Self.missing, pollAt: soon), due)
            }
            return await record(.trouble(.generation, evidence), due, attempt, handle, desk)
        case .trouble(let trouble, let evidence):
            shop.learn(trouble, evidence, from: desk.id, kind: kind, task: due.task.id, bySubmit: false)
            let others = await shop.others(than: desk.id, for: due, at: now)
            if let event = shop.verdict.onGeneration(trouble, evidence, slot: due.slot, others: others, now: now) {
                return await tell(event, due, persistently: true)
            }
            // The look failed, not the job: it is looked at again.
            var wait: Duration?
            if case .busy(let asked) = trouble { wait = asked ?? .seconds(5) }
            if trouble == .account { wait = .seconds(60) }
            return await goesOn(due, percent: nil, status: nil, pollAt: at(due, wait, desk))
        }
    }

    /// As the customer sees it in `upstream_status`.
    private static let missing = "not found"

    private func tell(_ event: SlotEvent, _ due: DueSlot, persistently: Bool = false) async -> Outcome {
        switch await shop.record(event, due.reference, persistently: persistently) {
        case .changed: return Outcome(event)
        case .stale: return .stale
        case .failed:
            agenda.set(due.key, at: shop.clock.now() + .seconds(1))
            return .postponed
        }
    }

    private func at(_ due: DueSlot, _ asked: Duration?, _ desk: any Desk) -> Instant {
        let now = shop.clock.now()
        var random = dice
        let elapsed = now - (due.slot.attempt?.acceptedAt ?? now)
        return now
            + shop.pace.nextLook(elapsed: elapsed, asked: asked, calledBack: desk.callsBack, random: &random)
    }

    /// A job that runs on: a row where there is news for the customer, or none was written for long.
    private func goesOn(_ due: DueSlot, percent: Int?, status: String?, pollAt: Instant) async -> Outcome {
        let slot = due.slot
        let isNews = min(99, percent ?? 0) > slot.progress || (status ?? slot.upstreamStatus) != slot.upstreamStatus
        if !isNews, let checkedAt = slot.checkedAt, shop.clock.now() - checkedAt < Self.longestSilence {
            agenda.set(due.key, at: pollAt)
            return .progressed
        }
        return await tell(.progressed(percent: percent, upstreamStatus: status, pollAt: pollAt), due)
    }

    private func next(_ due: DueSlot, until: Instant) async -> Outcome {
        await tell(.progressed(percent: nil, upstreamStatus: nil, pollAt: until), due)
    }

    /// Progress by the clock, where the provider tells none: honest about never being done.
    private func estimate(_ attempt: Attempt, _ kind: RequestKind, _ desk: any Desk, now: Instant) -> Int? {
        guard let began = attempt.acceptedAt else { return nil }
        let usual = shop.board.usual(kind, at: desk.id) ?? shop.pace.wait(desk.typical(kind))
        guard usual > .zero else { return nil }
        return min(90, Int(90 * ((now - began) / usual)))
    }
}
