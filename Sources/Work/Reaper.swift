import Domain
import Store

/// Ends what has run out of time, with its money; whatever still runs upstream is called off by `Canceler`,
/// who sees every end.
package struct Reaper: Duty {
    package let name = "reaper"
    let shop: Workshop

    package init(_ shop: Workshop) { self.shop = shop }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        try await shop.store.overdue(limit: limit, now: now).flatMap { task in
            task.slots.filter { !$0.state.isFinal }.map { slot in
                Errand(SlotKey(task.id, slot.index)) { await end(DueSlot(task: task, index: slot.index)) }
            }
        }
    }

    private func end(_ due: DueSlot) async -> Outcome {
        let event = Self.end(of: due, at: shop.clock.now())
        guard let event else { return .stale }
        switch await shop.record(event, due.reference) {
        case .changed:
            shop.journal.note(
                .warning, "ran out of time", task: due.task.id,
                ["state": due.slot.state.rawValue, "provider": due.slot.attempt?.provider.rawValue ?? "none"])
            return .expired
        case .stale: return .stale
        case .failed: return .postponed
        }
    }

    /// How a slot ends whose time is up: pure, and looked at again at the moment of acting, for a process may
    /// have been stopped in between.
    package static func end(of due: DueSlot, at now: Instant) -> SlotEvent? {
        let task = due.task
        let lateStart = task.startedAt == nil ? task.startBy.map { now >= $0 } ?? false : false
        guard now >= task.deadline || lateStart else { return nil }
        if due.slot.state == .unknown {
            return .failed(
                Failure(
                    code: "outcome_unknown",
                    message: "The provider never said whether it took the job; the credits are refunded."),
                due.slot.attempt?.evidence)
        }
        let seconds = max(1, (now - task.createdAt).components.seconds)
        let message =
            lateStart && now < task.deadline
            ? "No provider had started it within the time allowed (start_within)."
            : "It had not ended after \(seconds) seconds."
        return .expired(
            Failure(code: lateStart && now < task.deadline ? "start_timeout" : "deadline_exceeded", message: message))
    }
}
