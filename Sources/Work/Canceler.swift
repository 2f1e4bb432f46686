import Domain
import Store
import Synchronization

/// Calls off upstream what ended here first: canceled by the customer, or out of time. Best effort: the money
/// here is settled already, this only saves the operator's.
package final class Canceler: Duty {
    package let name = "canceler"
    private let shop: Workshop
    private let waiting = Mutex(Waiting())

    /// Jobs that were left longer ago have come to their own end by now.
    static let memory = Duration.seconds(3600)

    private struct Waiting {
        var due: [DueSlot] = []
        /// Attempts seen lately: a commit may be told of more than once.
        var seen: Set<AttemptID> = []
    }

    package init(_ shop: Workshop) { self.shop = shop }

    /// Looks at a committed task; true if there is something to call off.
    package func observe(_ task: GenerationTask) -> Bool {
        // A restored backup may be a copy of a gateway that still runs: the jobs it remembers are not its own to end.
        guard task.slots.contains(where: { $0.state == .canceled || $0.state == .expired }),
            shop.store.reconciling == nil
        else { return false }
        return waiting.withLock { waiting in
            var found = false
            for slot in task.slots where slot.state == .canceled || slot.state == .expired {
                guard let attempt = slot.attempt, attempt.outcome == .abandoned, attempt.handle != nil,
                    waiting.due.count < 10_000,
                    waiting.seen.insert(attempt.id).inserted
                else { continue }
                if waiting.seen.count > 20_000 { waiting.seen = [attempt.id] }
                waiting.due.append(DueSlot(task: task, index: slot.index))
                found = true
            }
            return found
        }
    }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        let due = waiting.withLock { waiting in
            let due = Array(waiting.due.prefix(limit))
            waiting.due.removeFirst(due.count)
            return due
        }
        return due.map { due in Errand(due.key) { [shop] in await Self.cancel(due, shop) } }
    }

    private static func cancel(_ due: DueSlot, _ shop: Workshop) async -> Outcome {
        guard let attempt = due.slot.attempt, let handle = attempt.handle, let desk = shop.desk(attempt.provider)
        else { return .stale }
        let went = await desk.cancel(handle)
        shop.journal.note(
            .info, went ? "called off upstream" : "could not be called off upstream", task: due.task.id,
            ["provider": desk.id.rawValue])
        return went ? .canceled : .failed
    }
}
