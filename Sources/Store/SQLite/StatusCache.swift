import Domain
import Synchronization

/// Live and recent tasks, so that looking at one does not touch the disk. Filled only from committed rows; may be
/// emptied at any time with no change in answers. Bounded: the least recently used go first, roughly (a second
/// chance for whatever was looked at since the hand last passed).
final class StatusCache: Sendable {
    private struct Shard {
        var places: [TaskID: Int] = [:]
        var entries: [(task: RenderedTask, isUsed: Bool)] = []
        var hand = 0
    }

    private final class LockedShard: Sendable {
        let shard = Mutex(Shard())
    }

    /// Enough that the threads which look rarely meet.
    private static let shardCount = 16
    private let shards: [LockedShard]
    private let perShard: Int

    init(capacity: Int) {
        perShard = max(1, capacity / Self.shardCount)
        shards = (0..<Self.shardCount).map { _ in LockedShard() }
    }

    /// The low bits of a version 7 id are random.
    private func shard(of id: TaskID) -> LockedShard { shards[Int(id.low & UInt64(Self.shardCount - 1))] }

    subscript(id: TaskID) -> RenderedTask? {
        shard(of: id).shard.withLock { shard in
            guard let place = shard.places[id] else { return nil }
            shard.entries[place].isUsed = true
            return shard.entries[place].task
        }
    }

    func insert(_ task: RenderedTask) {
        shard(of: task.task.id).shard.withLock { shard in
            if let place = shard.places[task.task.id] {
                shard.entries[place].task = task
                return
            }
            if shard.entries.count < perShard {
                shard.places[task.task.id] = shard.entries.count
                shard.entries.append((task, false))
                return
            }
            while shard.entries[shard.hand].isUsed {
                shard.entries[shard.hand].isUsed = false
                shard.hand = (shard.hand + 1) % perShard
            }
            shard.places[shard.entries[shard.hand].task.task.id] = nil
            shard.entries[shard.hand] = (task, false)
            shard.places[task.task.id] = shard.hand
            shard.hand = (shard.hand + 1) % perShard
        }
    }

    /// Puts a task that was read from rows, if `isCurrent` still says that nothing was committed since the read
    /// began. It is asked under the lock that the writer needs to publish a newer word, so that one comes after.
    func insert(_ task: RenderedTask, while isCurrent: () -> Bool) {
        shard(of: task.task.id).shard.withLock { shard in
            guard shard.places[task.task.id] == nil, isCurrent(), shard.entries.count < perShard else { return }
            shard.places[task.task.id] = shard.entries.count
            shard.entries.append((task, true))
        }
    }

    func remove(_ id: TaskID) {
        shard(of: id).shard.withLock { shard in
            guard let place = shard.places.removeValue(forKey: id) else { return }
            let last = shard.entries.count - 1
            if place != last {
                shard.entries[place] = shard.entries[last]
                shard.places[shard.entries[place].task.task.id] = place
            }
            shard.entries.removeLast()
            if shard.hand >= shard.entries.count { shard.hand = 0 }
        }
    }

    func removeAll() {
        for locked in shards { locked.shard.withLock { $0 = Shard() } }
    }
}
