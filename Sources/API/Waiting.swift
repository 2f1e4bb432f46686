import Dispatch
import Domain
import HTTP
import Store
import Synchronization

/// Who waits for a task to change: long polls and event streams. A waiter is a row in a table, not a thread; the
/// store's commits wake the right ones, and one timer ends the rest.
package final class Waiting: Sendable {
    /// What a waiter does when its task changed, and when its time has come. Both run on one queue, in order.
    struct Waiter: Sendable {
        let task: TaskID
        let account: AccountID
        /// The last version it knows: older news does not wake it.
        var version: Int64
        var due: Instant
        /// True: it goes on waiting.
        let told: @Sendable (RenderedTask) -> Bool
        /// The next moment to be asked, or nil: it waits no longer.
        let lapsed: @Sendable (Instant) -> Instant?
        /// Called once, when its place is free again. Whoever answers a client here may be asked at once for another
        /// wait, and has room for it.
        var left: @Sendable () -> Void = {}
    }

    struct Ticket: Hashable, Sendable {
        let number: UInt64
        let task: TaskID
    }

    private final class Shard: Sendable {
        let waiters = Mutex<[TaskID: [UInt64: Waiter]]>([:])
    }

    private struct Census {
        var total = 0
        var byAccount: [AccountID: Int] = [:]
        var nextNumber: UInt64 = 0
        var isTicking = false
        var isClosed = false
    }

    /// How late a wait may end: a fifth of a second of a wait counted in whole ones.
    private static let tick = DispatchTimeInterval.milliseconds(200)

    private let store: any Store
    private let now: @Sendable () -> Instant
    private let shards = (0..<16).map { _ in Shard() }
    private let census = Mutex(Census())
    /// All waiters act here, so that one stream's events keep their order.
    private let queue = DispatchQueue(label: "waiting")

    init(store: any Store, around: Surroundings) {
        self.store = store
        now = around.now
    }

    /// Adds a waiter. Whoever changed the task between the caller's look and this call is not missed: the task is
    /// looked at once more when the waiter stands in the table.
    func join(_ waiter: Waiter, _ limits: API.Limits) throws(Refusal) -> Ticket {
        let (number, refusal, startsClock) = census.withLock { census -> (UInt64, Refusal?, Bool) in
            if census.isClosed { return (0, .unavailable("The gateway is stopping."), false) }
            let own = census.byAccount[waiter.account, default: 0]
            guard own < limits.waitingPerAccount, census.total < limits.waiting else {
                return (0, .tooManyWaiting(limit: min(limits.waitingPerAccount, limits.waiting)), false)
            }
            census.total += 1
            census.byAccount[waiter.account] = own + 1
            census.nextNumber += 1
            let startsClock = !census.isTicking
            census.isTicking = true
            return (census.nextNumber, nil, startsClock)
        }
        if let refusal { throw refusal }
        shard(of: waiter.task).waiters.withLock { $0[waiter.task, default: [:]][number] = waiter }
        if startsClock { scheduleTick() }
        if let current = store.recent(waiter.task), current.task.version > waiter.version { changed([current]) }
        return Ticket(number: number, task: waiter.task)
    }

    /// Takes a waiter out; true if it was still in.
    @discardableResult
    func leave(_ ticket: Ticket) -> Bool {
        let gone = shard(of: ticket.task).waiters.withLock { waiters -> Waiter? in
            let waiter = waiters[ticket.task]?.removeValue(forKey: ticket.number)
            if waiters[ticket.task]?.isEmpty == true { waiters[ticket.task] = nil }
            return waiter
        }
        guard let gone else { return false }
        census.withLock { census in
            census.total -= 1
            let rest = census.byAccount[gone.account, default: 1] - 1
            census.byAccount[gone.account] = rest > 0 ? rest : nil
        }
        gone.left()
        return true
    }

    /// The store's word after a commit, on its writer's queue: finds who is concerned and leaves the rest to ours.
    func changed(_ tasks: [RenderedTask]) {
        for rendered in tasks {
            let version = rendered.task.version
            let concerned = shard(of: rendered.task.id).waiters.withLock { waiters -> [(UInt64, Waiter)] in
                guard var own = waiters[rendered.task.id] else { return [] }
                let concerned = own.filter { $0.value.version < version }.map { ($0.key, $0.value) }
                for (number, _) in concerned { own[number]?.version = version }
                waiters[rendered.task.id] = own
                return concerned
            }
            guard !concerned.isEmpty else { continue }
            queue.async { [self] in
                for (number, waiter) in concerned where !waiter.told(rendered) {
                    leave(Ticket(number: number, task: waiter.task))
                }
            }
        }
    }

    /// Ends or renews every wait whose time has come; answers how many there were.
    @discardableResult
    package func runOnce(now: Instant) -> Int {
        var count = 0
        for shard in shards {
            let lapsed = shard.waiters.withLock { waiters in
                waiters.values.flatMap { own in own.filter { $0.value.due <= now }.map { ($0.key, $0.value) } }
            }
            count += lapsed.count
            for (number, waiter) in lapsed {
                if let next = waiter.lapsed(now) {
                    shard.waiters.withLock { $0[waiter.task]?[number]?.due = next }
                } else {
                    leave(Ticket(number: number, task: waiter.task))
                }
            }
        }
        return count
    }

    package var count: Int { census.withLock { $0.total } }

    /// Ends every wait now and takes no more: the gateway is stopping.
    package func close() {
        census.withLock { $0.isClosed = true }
        queue.async { [self] in runOnce(now: Instant(milliseconds: .max)) }
    }

    /// Runs `work` in turn with what waiters do.
    func inTurn(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    private func scheduleTick() {
        queue.asyncAfter(deadline: .now() + Self.tick) { [self] in
            runOnce(now: now())
            let goesOn = census.withLock { census in
                census.isTicking = census.total > 0
                return census.isTicking
            }
            if goesOn { scheduleTick() }
        }
    }

    private func shard(of task: TaskID) -> Shard { shards[Int(task.low % 16)] }
}
