import Domain
import Store

/// Finds out what became of submits that were sent and never answered. It never buys blindly: it asks the
/// provider's own list, or sends again where the provider knows our name for the job; otherwise it waits for a
/// callback until the deadline, when `Reaper` refunds.
package struct Reconciler: Duty {
    package let name = "reconciler"
    private let shop: Workshop

    package init(_ shop: Workshop) { self.shop = shop }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        try await shop.store.due([.unknown], limit: limit + busy.count, now: now).compactMap { due in
            busy.contains(due.key) ? nil : Errand(due.key) { await reconcile(due) }
        }
    }

    private func reconcile(_ due: DueSlot) async -> Outcome {
        guard let attempt = due.slot.attempt else { return .stale }
        guard shop.clock.now() < due.task.deadline else { return .stale }
        // It called back before its own answer was lost.
        if let handle = attempt.handle { return await tell(.accepted(handle, pollAt: shop.clock.now()), due) }
        guard let desk = shop.desk(attempt.provider), desk.hasKey, desk.canReconcile else { return await wait(due) }
        // While spending is paused, after a backup was restored say, nothing that could buy goes out.
        guard !desk.reconcilesByResending || shop.store.health.paused == nil else { return await wait(due) }
        let now = shop.clock.now()
        if let until = shop.board.takeLook(desk.id, at: now) { return await shop.put(off: due, until: until) }
        let inline = shop.settings.inputs.inline
        guard
            let way = shop.pictures.way(from: due.task.request.picture, takesBytes: desk.takesBytes, inline: inline),
            case .have(let picture) = await shop.pictures.picture(
                due.task.request.picture, by: way, until: due.task.deadline, shop: shop)
        else { return await wait(due) }
        let found = await desk.reconcile(shop.job(due, attempt), picture)
        let then = shop.clock.now()
        switch found {
        case .accepted(let handle):
            // Two requests may look the same; the job that one of them has is not the other's too.
            guard
                let isTaken = try? await shop.store.isTaken(handle, at: desk.id, butNotBy: attempt.id), !isTaken
            else { return await wait(due) }
            shop.journal.note(
                .info, "found a job whose answer was lost", task: due.task.id, ["provider": desk.id.rawValue])
            return await tell(.accepted(handle, pollAt: then), due)
        case .refused(let evidence):
            // It is certain now that nothing was bought: as if it had said so at once. That it is certain is the
            // provider's word, so it is not believed more often than any other refusal.
            guard due.slot.tries < shop.settings.routing.maxAttempts else {
                let message = "No provider took it in \(due.slot.tries) attempts; the last said: \(evidence.message)"
                return await tell(.failed(Failure(code: "too_many_attempts", message: message), evidence), due)
            }
            return await tell(
                .setBack(evidence, .init(outcome: .refused, retryAt: then, spent: false)), due)
        case .absent:
            // Not in the list. It may still be on its way there: only an absence that lasts is an answer.
            let patience = shop.settings.pace.wait(.seconds(120))
            guard then - attempt.beganAt > patience else { return await wait(due) }
            let evidence = Evidence(fault: "never_arrived", message: "the provider's list does not know it")
            return await tell(.setBack(evidence, .init(outcome: .refused, retryAt: then, spent: false)), due)
        case .unclear:
            return await wait(due)
        }
    }

    private func tell(_ event: SlotEvent, _ due: DueSlot) async -> Outcome {
        switch await shop.record(event, due.reference, persistently: true) {
        case .changed: Outcome(event)
        case .stale: .stale
        case .failed: .postponed
        }
    }

    /// Half as long again as it has been unknown, a minute at most.
    private func wait(_ due: DueSlot) async -> Outcome {
        let now = shop.clock.now()
        let pace = shop.settings.pace
        let since = now - (due.slot.attempt?.beganAt ?? now)
        let wait = min(max(since / 2, pace.wait(.seconds(2))), pace.wait(.seconds(60)))
        return await shop.put(off: due, until: now + wait)
    }
}
