import Domain
import Store

/// Takes up what an earlier run of the gateway left in the middle of a submit: at once at start, by the run's
/// number and not by age. Whether the request had left is not known, so such a slot is of unknown outcome.
package struct Rescuer: Duty {
    package let name = "rescuer"
    private let shop: Workshop

    package init(_ shop: Workshop) { self.shop = shop }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        try await shop.store.orphans(before: shop.boot, limit: limit + busy.count).compactMap { due in
            busy.contains(due.key) ? nil : Errand(due.key) { await rescue(due) }
        }
    }

    private func rescue(_ due: DueSlot) async -> Outcome {
        let evidence = Evidence(
            fault: "interrupted", message: "the gateway stopped while it was sending; whether it was sent is not known")
        switch await shop.record(.lost(evidence, reconcileAt: shop.clock.now()), due.reference, persistently: true) {
        case .changed:
            shop.journal.note(
                .warning, "an interrupted submit", task: due.task.id,
                ["provider": due.slot.attempt?.provider.rawValue ?? "none"])
            return .lost
        case .stale: return .stale
        case .failed: return .postponed
        }
    }
}
