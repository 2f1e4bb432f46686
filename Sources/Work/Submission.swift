import Domain
import Store

/// One slot's way to one provider: the intent is a row before the first byte goes out, and what came of it is a
/// row before anything else happens.
struct Submission: Sendable {
    private let shop: Workshop
    private let due: DueSlot
    private let desk: any Desk

    init(_ shop: Workshop, _ due: DueSlot, _ desk: any Desk) {
        self.shop = shop
        self.due = due
        self.desk = desk
    }

    private var task: GenerationTask { due.task }
    private var kind: RequestKind { RequestKind(task.request.parameters) }

    func run() async -> Outcome {
        let picture: PictureAtHand
        let inline = shop.settings.inputs.inline
        guard let way = shop.pictures.way(from: task.request.picture, takesBytes: desk.takesBytes, inline: inline)
        else {
            shop.board.release(due.key, kind)
            return await shop.put(off: due, until: shop.clock.now() + shop.settings.pace.wait(.seconds(5)))
        }
        switch await shop.pictures.picture(task.request.picture, by: way, until: task.deadline, shop: shop) {
        case .have(let value): picture = value
        case .later(let why):
            shop.board.release(due.key, kind)
            shop.journal.note(.info, "picture not at hand", task: task.id, ["why": why])
            return await shop.put(off: due, until: shop.clock.now() + shop.settings.pace.wait(.seconds(5)))
        case .never(let failure):
            shop.board.release(due.key, kind)
            return await shop.fail(due, failure)
        }
        // The process may have been stopped since this was decided: time is read again before money is spent.
        let now = shop.clock.now()
        guard now < task.deadline, !shop.isStopping else {
            shop.board.release(due.key, kind)
            return .stale
        }
        let attempt = Attempt(
            id: .new(at: now), number: due.slot.tries + 1, provider: desk.id,
            token: shop.token(task.id, due.index, due.slot.tries + 1), boot: shop.boot,
            beganAt: now)
        let job = Job(task: task, slot: due.slot, attempt: attempt)
        switch await shop.record(.began(attempt), due.reference) {
        case .changed: break
        case .stale:
            shop.board.release(due.key, kind)
            return .stale
        case .failed:
            // The store cannot write: the slot is as due as it was, and must not be tried again at once for ever.
            shop.board.release(due.key, kind)
            return .postponed
        }
        // Committing may have taken long, or the process may have been stopped: whoever is out of time is not bought
        // anything. `Reaper` ends the slot.
        guard shop.clock.now() < task.deadline else { return .stale }
        if due.slot.tries == 0 { shop.tally.waited(now - task.createdAt) }
        let submitted = await desk.submit(job, picture)
        let outcome = await record(submitted, attempt)
        shop.tally.submitted(desk.id, outcome)
        return outcome
    }

    private func record(_ submitted: Submitted, _ attempt: Attempt) async -> Outcome {
        let now = shop.clock.now()
        let slot = SlotReference(task: task.id, slot: due.index, attempt: attempt.id)
        var random = SystemRandomNumberGenerator()
        let event: SlotEvent
        var outcome: Outcome
        switch submitted {
        case .accepted(let handle):
            shop.board.change(desk.id) { $0.accepted(at: now) }
            let usual = shop.board[desk.id]?.usual(kind) ?? shop.settings.pace.wait(desk.typical(kind))
            let wait = shop.settings.pace.firstLook(usual: usual, calledBack: desk.callsBack, random: &random)
            (event, outcome) = (.accepted(handle, pollAt: now + wait), .accepted)
        case .done(let handle, let results):
            // Some answer when the work is done: that is the only news there will be of it.
            let took = now - attempt.beganAt
            shop.board.change(desk.id) { standing in
                standing.accepted(at: now)
                standing.generationSucceeded(kind, after: took, at: now)
            }
            shop.tally.generated(desk.id, took: took)
            let knowing = await KnownResults.handle(handle, knowing: results, files: shop.files)
            (event, outcome) = (.ready(knowing ?? handle), .ready)
        case .trouble(let trouble, let evidence):
            shop.learn(trouble, evidence, from: desk.id, kind: kind, task: task.id, bySubmit: true)
            let others = await shop.others(than: desk.id, for: due, at: now)
            event = shop.verdict.onSubmit(
                trouble, evidence, slot: due.slot, at: desk.id, others: others, now: now, random: &random)
            outcome = Outcome(event)
        }
        switch await shop.record(event, slot, persistently: true) {
        case .changed: return outcome
        case .failed: return .postponed
        case .stale:
            // Canceled or expired while it was on its way: what was bought is called off, and told to nobody.
            if let handle = submitted.handle {
                await shop.keepLate(
                    handle, Evidence(fault: "accepted_late", message: "accepted after the task had ended"),
                    attempt: attempt.id, task: task.id)
                _ = await desk.cancel(handle)
            }
            return .stale
        }
    }
}

extension Submitted {
    fileprivate var handle: UpstreamHandle? {
        switch self {
        case .accepted(let handle), .done(let handle, _): handle
        case .trouble: nil
        }
    }
}

extension Outcome {
    /// What an event that ends an errand counts as.
    init(_ event: SlotEvent) {
        switch event {
        case .began, .deferred, .handling: self = .deferred
        case .accepted: self = .accepted
        case .lost: self = .lost
        case .setBack: self = .refused
        case .progressed: self = .progressed
        case .ready: self = .ready
        case .finished: self = .finished
        case .failed: self = .failed
        case .canceled: self = .canceled
        case .expired: self = .expired
        }
    }
}
