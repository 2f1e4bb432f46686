import Domain
import Synchronization

/// Which slots are queued, in the dispatcher's order: by priority, then one of each account in turn, then by when
/// each is due. From memory, and only to tell customers where they stand: dispatching itself reads rows.
final class QueueOrder: Sendable {
    private struct Entry: Comparable {
        let dueAt: Int64
        let task: TaskID
        let slot: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.dueAt, left.task, left.slot) < (right.dueAt, right.task, right.slot)
        }
    }

    /// One account's entries at one priority, sorted; those before `start` have left from the front.
    private struct Line {
        var entries: [Entry] = []
        var start = 0

        var count: Int { entries.count - start }

        /// How many are before `entry`.
        func rank(of entry: Entry) -> Int {
            var (low, high) = (start, entries.count)
            while low < high {
                let middle = (low + high) / 2
                if entries[middle] < entry { low = middle + 1 } else { high = middle }
            }
            return low - start
        }

        mutating func insert(_ entry: Entry) {
            // Nearly always the newest is the last.
            if let last = entries.last, last < entry { return entries.append(entry) }
            let place = start + rank(of: entry)
            if place < entries.count, entries[place] == entry { return }
            entries.insert(entry, at: place)
        }

        mutating func remove(_ entry: Entry) {
            let place = start + rank(of: entry)
            guard place < entries.count, entries[place] == entry else { return }
            if place == start {
                start += 1
                if start > 64, start * 2 > entries.count {
                    entries.removeFirst(start)
                    start = 0
                }
            } else {
                entries.remove(at: place)
            }
        }
    }

    private struct Place: Hashable {
        let task: TaskID
        let slot: Int
    }

    private struct Lines {
        var lines: [[AccountID: Line]] = [[:], [:]]
        /// When each queued slot was last said to be due.
        var known: [Place: Int64] = [:]
    }

    /// Beyond this many queued slots (about 100 MB of them) positions of further ones are not told.
    private static let limit = 1_000_000
    private let lines = Mutex(Lines())

    /// Follows a task's slots into the queue and out of it.
    func follow(_ task: GenerationTask) {
        let rank = task.request.priority.rank
        lines.withLock { lines in
            for slot in task.slots {
                let due = slot.state == .queued ? slot.dueAt?.milliseconds : nil
                let place = Place(task: task.id, slot: slot.index)
                let old = lines.known[place]
                guard old != due else { continue }
                if let old {
                    lines.known[place] = nil
                    lines.lines[rank][task.account]?.remove(Entry(dueAt: old, task: task.id, slot: slot.index))
                }
                if let due, lines.known.count < Self.limit {
                    lines.known[place] = due
                    lines.lines[rank][task.account, default: Line()]
                        .insert(Entry(dueAt: due, task: task.id, slot: slot.index))
                } else if lines.lines[rank][task.account]?.count == 0 {
                    lines.lines[rank][task.account] = nil
                }
            }
        }
    }

    /// How many slots are dispatched before the task's first queued one: in each other account's line as many as
    /// come before it in its own, and all of higher priority.
    func position(of task: GenerationTask) -> Int? {
        let rank = task.request.priority.rank
        return lines.withLock { lines in
            guard let line = lines.lines[rank][task.account] else { return nil }
            let places = task.slots.compactMap { slot in
                lines.known[Place(task: task.id, slot: slot.index)].map {
                    line.rank(of: Entry(dueAt: $0, task: task.id, slot: slot.index))
                }
            }
            guard let own = places.min() else { return nil }
            var position = own
            for (account, other) in lines.lines[rank] where account != task.account {
                position += min(own, other.count)
            }
            for higher in lines.lines[..<rank] { for line in higher.values { position += line.count } }
            return position
        }
    }
}
