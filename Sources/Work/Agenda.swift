import Domain
import Synchronization

/// When each running job is to be looked at next. Rows say so too, but only as of the last look that told anything new:
/// a look that does not is worth no commit. After a restart the rows are enough; whoever is looked at too early then is
/// only asked once more.
package final class Agenda: Sendable {
    fileprivate struct Entry: Comparable {
        let moment: Instant
        let key: SlotKey

        static func < (left: Self, right: Self) -> Bool { left.moment < right.moment }
    }

    fileprivate struct State {
        /// Entries that `moments` no longer says are passed over when they come up.
        var heap = Heap<Entry>()
        var moments: [SlotKey: Instant] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// `key` is due at `moment`, and at no other.
    package func set(_ key: SlotKey, at moment: Instant) {
        state.withLock { state in
            guard state.moments[key] != moment else { return }
            state.moments[key] = moment
            state.heap.insert(Entry(moment: moment, key: key))
            state.shrink()
        }
    }

    package func remove(_ key: SlotKey) {
        state.withLock { _ = $0.moments.removeValue(forKey: key) }
    }

    package func knows(_ key: SlotKey) -> Bool { state.withLock { $0.moments[key] != nil } }

    /// Those that are due, earliest first; they are on the agenda no longer.
    package func take(_ limit: Int, at now: Instant) -> [SlotKey] {
        state.withLock { state in
            var keys: [SlotKey] = []
            while keys.count < limit, let first = state.heap.first, first.moment <= now {
                state.heap.removeFirst()
                guard state.moments[first.key] == first.moment else { continue }
                state.moments[first.key] = nil
                keys.append(first.key)
            }
            return keys
        }
    }

    /// When to wake for the next: a little later than it is due, at the end of its `grain`, so that one waking serves
    /// all that are due by then.
    package func next(grain: Duration) -> Instant? {
        let grain = max(1, grain.wholeMilliseconds)
        return state.withLock { state in
            while let first = state.heap.first, state.moments[first.key] != first.moment { state.heap.removeFirst() }
            return state.heap.first.map {
                Instant(milliseconds: ($0.moment.milliseconds + grain - 1) / grain * grain)
            }
        }
    }
}

extension Agenda.State {
    /// Entries that were overtaken do not pile up: there are never many more than jobs.
    fileprivate mutating func shrink() {
        guard heap.count > 64, heap.count > 4 * moments.count else { return }
        let current = heap.items.filter { moments[$0.key] == $0.moment }
        heap = Heap()
        for entry in current { heap.insert(entry) }
    }
}
