import Domain

/// What the writes of one commit share: the connection, tasks as they stand within it, and what is to be made known
/// once it is on the disk. Lives on the writer's queue for the length of a commit.
final class Transaction {
    let database: Database
    /// Tasks changed so far, by the latest word; nil: to be read from the rows again.
    private var tasks: [TaskID: GenerationTask?] = [:]
    /// Each change of a task, in order.
    private(set) var changes: [TaskChange] = []
    private(set) var balances: [(account: AccountID, balance: Credits)] = []
    /// Whether a delivery was inserted that is to be sent. Who makes an old one pending again wakes the sender itself.
    var hasMail = false
    /// For rarer things to be made known.
    private(set) var afterwards: [() -> Void] = []

    struct TaskChange {
        /// nil: it is new.
        let before: TaskState?
        let task: GenerationTask
    }

    let rendering: Rendering
    let spending: Spending
    private let cache: StatusCache

    init(_ database: Database, rendering: Rendering, spending: Spending, cache: StatusCache) {
        self.database = database
        self.rendering = rendering
        self.spending = spending
        self.cache = cache
    }

    /// As last committed, from memory. Only the writer fills the cache, so on its queue this is never behind.
    func recent(_ id: TaskID) -> GenerationTask? { cache[id]?.task }

    /// As it stands within this transaction, if anything here changed it.
    func changed(_ id: TaskID) -> GenerationTask?? { tasks[id] }

    func note(_ task: GenerationTask, before: TaskState?) {
        tasks[task.id] = .some(task)
        changes.append(TaskChange(before: before, task: task))
    }

    func note(balance: Credits, of account: AccountID) { balances.append((account, balance)) }

    /// `act` is called after the commit, on the writer's queue.
    func afterCommit(_ act: @escaping () -> Void) { afterwards.append(act) }

    struct Mark {
        let changes: Int
        let balances: Int
        let afterwards: Int
    }

    func mark() -> Mark { Mark(changes: changes.count, balances: balances.count, afterwards: afterwards.count) }

    /// Forgets what came after `mark`: its savepoint was rolled back. Tasks it had changed are read from the rows.
    func undo(to mark: Mark) {
        for change in changes[mark.changes...] { tasks[change.task.id] = .some(nil) }
        changes.removeSubrange(mark.changes...)
        balances.removeSubrange(mark.balances...)
        afterwards.removeSubrange(mark.afterwards...)
    }
}
