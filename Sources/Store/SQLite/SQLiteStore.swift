import CSQLite
import Domain
import Glibc
import Synchronization

/// The embedded engine: one SQLite file in the data directory, one process on it.
///
/// All writes go through `writer`, all reads through `readers`; what is held in memory is a copy of committed rows
/// and can be dropped. The operations are in extensions, each in the file of its noun.
package final class SQLiteStore: Store {
    let path: String
    let options: StoreOptions
    package let rendering: Rendering
    let writer: Writer
    let readers: Readers
    let cache: StatusCache
    let keyTable = KeyTable()
    let queueOrder = QueueOrder()
    let spending: Spending
    let handlers = Mutex<[@Sendable ([RenderedTask]) -> Void]>([])
    private let mailHandlers = Mutex<[@Sendable () -> Void]>([])
    /// Unfinished tasks as they are, and ended ones since the start.
    let taskCounts = Mutex<[TaskState: Int]>([:])
    /// Whose slot was dispatched last, so that the next look begins after it. A hint: nothing is lost with it.
    let lastServed = Mutex<AccountID?>(nil)
    let janitorWalk = Mutex(JanitorWalk())
    private let lock: DirectoryLock?

    /// Which start of the gateway on this data this is: attempts of an older one are orphans.
    package let boot: Int64
    /// What had to be done to the schema at this start.
    package let upgrade: SchemaUpgrade
    /// Seals what is kept secret in the database, and derives keys for signing.
    package let vault: Vault

    /// Opens the data directory, making it and its database if there is none.
    ///
    /// Throws `StoreOpenError`: when another process has it, when its schema is newer than this program, when the
    /// database is damaged, or when it cannot be made. None of these changes a byte of the database.
    package static func open(
        directory: String, options: StoreOptions = StoreOptions(), rendering: Rendering
    ) throws(StoreOpenError) -> SQLiteStore {
        do {
            return try SQLiteStore(directory: directory, options: options, rendering: rendering)
        } catch let error as StoreOpenError {
            throw error
        } catch {
            throw StoreOpenError(error, path: directory)
        }
    }

    private init(directory: String, options: StoreOptions, rendering: Rendering) throws {
        try DataDirectory.prepare(directory)
        lock = try DirectoryLock(directory: directory)
        _ = Self.configured
        // A file size limit must be an error that can be answered (EFBIG), not a signal that kills.
        signal(SIGXFSZ, SIG_IGN)
        let path = directory + "/gateway.db"
        vault = try options.masterKey.map(Vault.init(masterKey:)) ?? Vault(file: directory + "/master.key")
        let spending = Spending()
        let cache = StatusCache(capacity: options.cachedTasks)
        let database = try Database(path: path, role: .writer)
        try database.check(path: path)
        try Schema.refuseNewer(database, path: path)
        try database.beginWriting(options.synchronous)
        upgrade = try Schema.migrate(database, path: path, keepingCopy: options.copiesBeforeUpgrade)
        boot = try database.begin { try database.countBoot() }
        if let reason = try database.meta("reconcile") { spending.reconcile(reason) }
        if let violation = try database.verifySinceLastTime() { spending.stop(violation.message) }
        try database.load(keyTable)
        self.path = path
        self.options = options
        self.rendering = rendering
        self.spending = spending
        self.cache = cache
        readers = try Readers(path: path, count: options.readers)
        let news = News()
        writer = Writer(
            database, limits: options.writer,
            begin: { Transaction($0, rendering: rendering, spending: spending, cache: cache) },
            published: { news.store?.publish($0) },
            failed: { reason in
                spending.stop("the storage failed: \(reason)")
                options.onFatal(reason)
            })
        news.store = self
        try Database(path: path, role: .reader).loadUnfinished(into: self)
    }

    /// The writer is made before the store that hears of its commits. Set once, before the first write.
    private final class News: @unchecked Sendable {
        weak var store: SQLiteStore?
    }

    /// Once per process, before SQLite's first use.
    private static let configured = trellis_configure()

    /// Answers nothing more, empties the log, lets go of the directory.
    package func close() async {
        // Readers first: the last checkpoint can then reach the end.
        await readers.close()
        await writer.close()
        lock?.release()
    }

    /// Forgets what is held in memory only to be fast.
    package func dropCaches() { cache.removeAll() }

    package func onChange(_ handler: @escaping @Sendable ([RenderedTask]) -> Void) {
        handlers.withLock { $0.append(handler) }
    }

    /// `handler` is called after a commit that inserted deliveries.
    package func onMail(_ handler: @escaping @Sendable () -> Void) { mailHandlers.withLock { $0.append(handler) } }

    func rendered(_ task: GenerationTask) -> RenderedTask { RenderedTask(task: task, render: rendering.status) }

    /// Makes known what a commit changed. On the writer's queue, before anyone is answered.
    private func publish(_ transaction: Transaction) {
        keyTable.set(transaction.balances)
        for act in transaction.afterwards { act() }
        if transaction.hasMail { for handler in mailHandlers.withLock({ $0 }) { handler() } }
        guard !transaction.changes.isEmpty else { return }
        var changed: [RenderedTask] = []
        changed.reserveCapacity(transaction.changes.count)
        taskCounts.withLock { counts in
            for change in transaction.changes {
                if let before = change.before, !before.isFinal { counts[before, default: 0] -= 1 }
                if change.before?.isFinal != true { counts[change.task.state, default: 0] += 1 }
            }
        }
        for change in transaction.changes {
            let task = rendered(change.task)
            cache.insert(task)
            queueOrder.follow(change.task)
            changed.append(task)
        }
        for handler in handlers.withLock({ $0 }) { handler(changed) }
    }
}

extension Database {
    /// Everything unfinished, once at start: to be looked at, and to be counted in the queue.
    fileprivate func loadUnfinished(into store: SQLiteStore) throws {
        // By the index of the unfinished: in the order of ids it would be looked for among all that ever were.
        let ids = try all("SELECT id FROM tasks INDEXED BY tasks_by_deadline WHERE finished_at IS NULL") {
            try $0.id(GenerationTask.self)
        }
        for id in ids.sorted() {
            guard let task = try task(id) else { continue }
            store.cache.insert(store.rendered(task))
            store.queueOrder.follow(task)
            store.taskCounts.withLock { $0[task.state, default: 0] += 1 }
        }
    }
}
