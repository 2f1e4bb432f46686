import Domain
import Synchronization

/// The errands under way, at most one a slot. Whoever picks them sees to it that there is `room`.
package final class Errands: Sendable {
    private struct State {
        var busy: Set<SlotKey> = []
        /// What can be called off of the busy.
        var tasks: [SlotKey: Task<Void, Never>] = [:]
        /// Slots that were asked for again meanwhile: they are looked at once more when they are free.
        var wanted: Set<SlotKey> = []
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var lastWaiter = 0
    }

    private let width: Int
    private let state = Mutex(State())

    package init(width: Int) { self.width = width }

    package func isBusy(_ key: SlotKey) -> Bool { state.withLock { $0.busy.contains(key) } }

    package var count: Int { state.withLock { $0.busy.count } }
    package var room: Int { max(0, width - count) }

    /// Begins an errand unless its slot is busy; `then` learns how it went, and whether it was wanted again.
    @discardableResult
    package func start(_ errand: Errand, then: @escaping @Sendable (Outcome, _ again: Bool) -> Void) -> Bool {
        let begins = state.withLock { state in
            let begins = state.busy.insert(errand.key).inserted
            if !begins { state.wanted.insert(errand.key) }
            return begins
        }
        guard begins else { return false }
        let task = Task {
            let outcome = await errand.run()
            let (again, waiters) = end(errand.key)
            then(outcome, again)
            for waiter in waiters { waiter.resume() }
        }
        state.withLock { state in
            if state.busy.contains(errand.key) { state.tasks[errand.key] = task }
        }
        return true
    }

    private func end(_ key: SlotKey) -> (again: Bool, waiters: [CheckedContinuation<Void, Never>]) {
        state.withLock { state in
            state.busy.remove(key)
            state.tasks[key] = nil
            let again = state.wanted.remove(key) != nil
            guard state.busy.isEmpty else { return (again, []) }
            defer { state.waiters = [:] }
            return (again, Array(state.waiters.values))
        }
    }

    /// Asks what is under way to end: calls are called off, rows stay as they are.
    package func callOff() {
        for task in state.withLock({ Array($0.tasks.values) }) { task.cancel() }
    }

    /// Returns when none is under way, or when the task that waits is canceled.
    package func drained() async {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.busy.isEmpty || Task.isCancelled { return true }
                    state.waiters[number] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
        }
    }
}
