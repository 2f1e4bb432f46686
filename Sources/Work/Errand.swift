import Domain
import Store
import Synchronization

/// One slot of one task, as a key.
package struct SlotKey: Hashable, Sendable {
    package let task: TaskID
    package let slot: Int

    package init(_ task: TaskID, _ slot: Int) {
        self.task = task
        self.slot = slot
    }
}

extension DueSlot {
    package var key: SlotKey { SlotKey(task.id, index) }
}

/// One piece of work on one slot, from the row that asks for it to the row that says how it went.
package struct Errand: Sendable {
    package let key: SlotKey
    package let run: @Sendable () async -> Outcome

    package init(_ key: SlotKey, run: @escaping @Sendable () async -> Outcome) {
        self.key = key
        self.run = run
    }
}

/// How an errand went.
package enum Outcome: String, Hashable, Sendable, CaseIterable {
    /// Nobody could take it now.
    case deferred
    /// The provider has it.
    case accepted
    /// The provider said no; the slot is in the queue again.
    case refused
    /// Nobody knows.
    case lost
    /// Running on.
    case progressed
    /// The provider is done.
    case ready
    /// The file is ours.
    case finished
    case failed
    case expired
    /// Settled, called off or given up upstream.
    case canceled
    /// It had moved on before we came.
    case stale
    /// The store or the disk would not: it comes up again.
    case postponed
}

/// How many errands went which way.
package struct Counts: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    private var counts: [Outcome: Int] = [:]

    package init() {}
    package init(dictionaryLiteral elements: (Outcome, Int)...) {
        for (outcome, count) in elements where count != 0 { counts[outcome] = count }
    }

    package subscript(_ outcome: Outcome) -> Int { counts[outcome, default: 0] }
    package var total: Int { counts.values.reduce(0, +) }
    package mutating func add(_ outcome: Outcome) { counts[outcome, default: 0] += 1 }
}

/// The errands under way, at most one a slot. Whoever picks them sees to it that there is `room`.
package final class Errands: Sendable {
    private struct State {
        var busy: Set<SlotKey> = []
        /// Slots that were asked for again meanwhile: they are looked at once more when they are free.
        var wanted: Set<SlotKey> = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let width: Int
    private let state = Mutex(State())

    package init(width: Int) { self.width = width }

    package func isBusy(_ key: SlotKey) -> Bool { state.withLock { $0.busy.contains(key) } }

    package var count: Int { state.withLock { $0.busy.count } }
    package var room: Int { max(0, width - count) }

    /// Begins an errand unless its slot is busy; `then` learns how it went, and whether it
    /// was wanted again.
    @discardableResult
    package func start(_ errand: Errand, then: @escaping @Sendable (Outcome, _ again: Bool) -> Void) -> Bool {
        let begins = state.withLock { state in
            if state.busy.contains(errand.key) {
                state.wanted.insert(errand.key)
                return false
            }
            state.busy.insert(errand.key)
            return true
        }
        guard begins else { return false }
        Task {
            let outcome = await errand.run()
            let (again, waiters) = state.withLock { state in
                state.busy.remove(errand.key)
                let again = state.wanted.remove(errand.key) != nil
                var waiters: [CheckedContinuation<Void, Never>] = []
                if state.busy.isEmpty { swap(&waiters, &state.waiters) }
                return (again, waiters)
            }
            then(outcome, again)
            for waiter in waiters { waiter.resume() }
        }
        return true
    }

    /// Returns when none is under way.
    package func drained() async {
        await withCheckedContinuation { continuation in
            let isEmpty = state.withLock { state in
                if !state.busy.isEmpty { state.waiters.append(continuation) }
                return state.busy.isEmpty
            }
            if isEmpty { continuation.resume() }
        }
    }
}
