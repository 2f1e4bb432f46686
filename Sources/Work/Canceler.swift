import Domain
import Providers
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

    /// How long to wait before asking again whoever did not answer. A job takes minutes, so later is no use.
    static let pauses: [Duration] = [.seconds(2), .seconds(10), .seconds(60)]

    private struct Wish {
        let slot: DueSlot
        var at: Instant
        var tries = 0
    }

    private struct Waiting {
        var wishes: [Wish] = []
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
        let now = shop.clock.now()
        return waiting.withLock { waiting in
            var found = false
            for slot in task.slots where slot.state == .canceled || slot.state == .expired {
                guard let attempt = slot.attempt, attempt.outcome == .abandoned, attempt.handle != nil,
                    waiting.wishes.count < 10_000,
                    waiting.seen.insert(attempt.id).inserted
                else { continue }
                if waiting.seen.count > 20_000 { waiting.seen = [attempt.id] }
                waiting.wishes.append(Wish(slot: DueSlot(task: task, index: slot.index), at: now))
                found = true
            }
            return found
        }
    }

    package func nextLook(after now: Instant) -> Instant? {
        waiting.withLock { $0.wishes.map(\.at).filter { $0 > now }.min() }
    }

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        let due = waiting.withLock { waiting in
            let due = waiting.wishes.filter { $0.at <= now }.prefix(limit)
            let taken = Set(due.map(\.slot.key))
            waiting.wishes.removeAll { taken.contains($0.slot.key) }
            return due
        }
        return due.map { wish in Errand(wish.slot.key) { [self] in await fulfil(wish) } }
    }

    private func fulfil(_ wish: Wish) async -> Outcome {
        guard let attempt = wish.slot.slot.attempt, let handle = attempt.handle, let desk = shop.desk(attempt.provider)
        else { return .stale }
        switch await desk.cancel(handle) {
        case .taken:
            note(.info, "called off upstream", wish, at: desk.id)
            return .canceled
        case .refused:
            note(.info, "could not be called off upstream", wish, at: desk.id)
            return .failed
        case .unclear where wish.tries < Self.pauses.count:
            var again = wish
            again.at = shop.clock.now() + Self.pauses[wish.tries]
            again.tries += 1
            waiting.withLock { $0.wishes.append(again) }
            return .deferred
        case .unclear:
            note(.warning, "could not be called off upstream: no answer", wish, at: desk.id)
            return .failed
        }
    }

    private func note(_ level: Journal.Level, _ message: String, _ wish: Wish, at provider: ProviderID) {
        shop.journal.note(level, message, task: wish.slot.task.id, ["provider": provider.rawValue])
    }
}
