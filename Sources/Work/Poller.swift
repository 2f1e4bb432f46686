import Domain
import Store

/// Looks at running jobs when their next look is due: its cost follows what is due, not what runs.
package struct Poller: Duty {
    package let name = "poller"
    /// A callback that came during a look.
    package let repeats = true
    private let shop: Workshop

    package init(_ shop: Workshop) { self.shop = shop }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        try await shop.store.due([.running], limit: limit + busy.count, now: now).compactMap { due in
            busy.contains(due.key) ? nil : errand(for: due)
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
            return await next(due, until: shop.clock.now() + shop.settings.pace.wait(.seconds(30)))
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
            return await tell(.progressed(percent: guess, upstreamStatus: status, pollAt: at(due, wait, desk)), due)
        case .done(let results):
            guard let knowing = await KnownResults.handle(handle, knowing: results, files: shop.files) else {
                return await next(due, until: now + shop.settings.pace.wait(.seconds(10)))
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
            let others = !(await shop.route(due, spending: desk.id, at: now)).isHopeless
            if let event = shop.verdict.onGeneration(trouble, evidence, slot: due.slot, others: others, now: now) {
                return await tell(event, due, persistently: true)
            }
            // The look failed, not the job: it is looked at again.
            var wait: Duration?
            if case .busy(let asked) = trouble { wait = asked ?? .seconds(5) }
            if trouble == .account { wait = .seconds(60) }
            return await tell(.progressed(percent: nil, upstreamStatus: nil, pollAt: at(due, wait, desk)), due)
        }
    }

    /// As the customer sees it in `upstream_status`.
    private static let missing = "not found"

    private func tell(_ event: SlotEvent, _ due: DueSlot, persistently: Bool = false) async -> Outcome {
        switch await shop.record(event, due.reference, persistently: persistently) {
        case .changed: Outcome(event)
        case .stale: .stale
        case .failed: .postponed
        }
    }

    private func at(_ due: DueSlot, _ asked: Duration?, _ desk: any Desk) -> Instant {
        let now = shop.clock.now()
        var random = SystemRandomNumberGenerator()
        let elapsed = now - (due.slot.attempt?.acceptedAt ?? now)
        return now
            + shop.settings.pace.nextLook(
                elapsed: elapsed, asked: asked, calledBack: desk.callsBack, random: &random)
    }

    private func next(_ due: DueSlot, until: Instant) async -> Outcome {
        await tell(.progressed(percent: nil, upstreamStatus: nil, pollAt: until), due)
    }

    /// Progress by the clock, where the provider tells none: honest about never being done.
    private func estimate(_ attempt: Attempt, _ kind: RequestKind, _ desk: any Desk, now: Instant) -> Int? {
        guard let began = attempt.acceptedAt else { return nil }
        let usual = shop.board[desk.id]?.usual(kind) ?? shop.settings.pace.wait(desk.typical(kind))
        guard usual > .zero else { return nil }
        return min(90, Int(90 * ((now - began) / usual)))
    }
}
