import Dispatch
import Synchronization

/// The one connection that writes, on its own queue. Whatever waits while a commit is syncing shares the next one
/// (group commit): one that fails never undoes a neighbour, and each is answered only after the commit that covers
/// it is on the disk. No timer: the batch is what queued up.
final class Writer: Sendable {
    /// One write on its way: what to do, and whom to tell.
    struct Job: Sendable {
        /// Does the work and remembers what to answer. Throwing undoes it. May be called again if a neighbour failed.
        let perform: @Sendable (Transaction) throws -> Void
        /// Told once, after the commit or after what stood in its way.
        let finish: @Sendable (StoreError?) -> Void
    }

    struct Limits: Sendable {
        /// More waiting than this and a new write is refused: at 20 000 writes a second this is a fifth of a second.
        var waiting = 4096
        /// A commit larger than this would make everyone in it wait for the last.
        var batch = 128
        /// Pages in the log at which it is checkpointed even under load (about 8 MB).
        var checkpointPages = 2000
        /// Pages worth a checkpoint when nothing is going on.
        var quietPages = 64
        /// How long nothing must have happened for that.
        var quiet = DispatchTimeInterval.milliseconds(100)
        /// So many writes a commit, for a while, keep the writer at work without a pause.
        var crowd = 8.0
    }

    private struct Waiting {
        var jobs: [Job] = []
        var isDraining = false
        var closed: StoreError?
    }

    /// Only touched on `queue`, which runs one thing at a time: what makes the connection in it safe to share.
    private final class Confined: @unchecked Sendable {
        var database: Database?
        var isQuietCheckSet = false
        /// Why nothing more may be written.
        var broken: StoreError?
        /// Pages in the log at which the next checkpoint is made, and at the last look.
        var checkpointAt: Int
        var pagesBefore = 0
        /// Writes a commit, of late, and when the last was.
        var sharing = 0.0
        var committedAt: UInt64 = 0
        init(_ database: Database, checkpointAt: Int) {
            self.database = database
            self.checkpointAt = checkpointAt
        }
    }

    private let queue = DispatchQueue(label: "store.writer", qos: .userInitiated)
    private let waiting = Mutex(Waiting())
    private let confined: Confined
    private let limits: Limits
    private let begin: @Sendable (Database) -> Transaction
    private let published: @Sendable (Transaction) -> Void
    private let failed: @Sendable (String) -> Void
    private let commitCount = Atomic<UInt64>(0)
    private let writeCount = Atomic<UInt64>(0)
    private let pages = Atomic<Int>(0)
    /// When there was last a crowd, in nanoseconds since the machine's start.
    private let crowdedAt = Atomic<UInt64>(0)

    /// `begin` makes what the writes of one commit share; `published` is called after each commit, on the queue, before anyone is answered; `failed` when the storage
    /// has let us down and only a restart can tell how things stand.
    init(
        _ database: sending Database, limits: Limits, begin: @escaping @Sendable (Database) -> Transaction,
        published: @escaping @Sendable (Transaction) -> Void,
        failed: @escaping @Sendable (String) -> Void
    ) {
        confined = Confined(database, checkpointAt: limits.checkpointPages)
        self.limits = limits
        self.begin = begin
        self.published = published
        self.failed = failed
    }

    var commits: UInt64 { commitCount.load(ordering: .relaxed) }
    var writes: UInt64 { writeCount.load(ordering: .relaxed) }
    var walPages: Int { pages.load(ordering: .relaxed) }
    /// After so long without a commit, in nanoseconds, there is no crowd any more.
    private static let pause: UInt64 = 100_000_000

    /// Whether many have shared each of its last commits, one after the other.
    var isCrowded: Bool {
        let last = crowdedAt.load(ordering: .relaxed)
        return last > 0 && DispatchTime.now().uptimeNanoseconds < last + Self.pause
    }

    /// Runs `body` in a transaction and answers once it is durable.
    func write<R: Sendable>(
        _ body: @escaping @Sendable (Transaction) throws -> R
    ) async throws(StoreError) -> R {
        let result: Result<R, StoreError> = await withUnsafeContinuation { continuation in
            let answer = Answer<R>()
            let job = Job(
                perform: { transaction in answer.value = try body(transaction) },
                finish: { error in
                    if let error {
                        continuation.resume(returning: .failure(error))
                    } else if let value = answer.value {
                        continuation.resume(returning: .success(value))
                    } else {
                        continuation.resume(returning: .failure(.broken("a write that did nothing")))
                    }
                })
            if let refusal = enqueue(job) { continuation.resume(returning: .failure(refusal)) }
        }
        return try result.get()
    }

    /// Written by `perform` and read by `finish`, both on the writer's queue, one after the other.
    private final class Answer<R>: @unchecked Sendable {
        var value: R?
    }

    private func enqueue(_ job: Job) -> StoreError? {
        let (refusal, mustStart): (StoreError?, Bool) = waiting.withLock { waiting in
            if let closed = waiting.closed { return (closed, false) }
            guard waiting.jobs.count < limits.waiting else { return (.overloaded, false) }
            waiting.jobs.append(job)
            defer { waiting.isDraining = true }
            return (nil, !waiting.isDraining)
        }
        if mustStart { queue.async { self.drain() } }
        return refusal
    }

    private func drain() {
        while let batch = next() {
            commit(batch)
            checkpointUnderLoad()
        }
        waitForQuiet()
    }

    private func next() -> [Job]? {
        waiting.withLock { waiting in
            if waiting.jobs.isEmpty {
                waiting.isDraining = false
                return nil
            }
            if waiting.jobs.count <= limits.batch {
                defer { waiting.jobs = [] }
                return waiting.jobs
            }
            defer { waiting.jobs.removeFirst(limits.batch) }
            return Array(waiting.jobs.prefix(limits.batch))
        }
    }

    /// One commit for all of `batch`.
    private func commit(_ batch: [Job]) {
        guard let database = confined.database, confined.broken == nil else {
            for job in batch { job.finish(confined.broken ?? .closed) }
            return
        }
        var transaction = begin(database)
        var refusals: [StoreError?] = []
        var everyone: StoreError?
        do {
            if let done = try attempt(batch, in: transaction, guarded: false) {
                refusals = done
            } else {
                // A job had written something when it failed. All of it is undone, and done again with a savepoint
                // for each: that costs a copy of every page touched, so it is not done for the many that succeed.
                transaction = begin(database)
                refusals = try attempt(batch, in: transaction, guarded: true) ?? []
            }
            try database.run("COMMIT")
        } catch {
            everyone = StoreError(error)
            if database.isInTransaction { _ = try? database.run("ROLLBACK") }
            if let fault = error as? SQLiteFault, fault.isFatal { stop(fault.description) }
        }
        pages.store(database.walPages, ordering: .relaxed)
        if everyone == nil {
            commitCount.wrappingAdd(1, ordering: .relaxed)
            writeCount.wrappingAdd(UInt64(batch.count), ordering: .relaxed)
            noteCrowd(batch.count)
            published(transaction)
        }
        for (index, job) in batch.enumerated() { job.finish(everyone ?? refusals[index]) }
    }

    private func noteCrowd(_ count: Int) {
        let now = DispatchTime.now().uptimeNanoseconds
        if now > confined.committedAt + Self.pause { confined.sharing = 0 }
        confined.committedAt = now
        confined.sharing += (Double(count) - confined.sharing) / 16
        if confined.sharing >= limits.crowd { crowdedAt.store(now, ordering: .relaxed) }
    }

    /// Begins a transaction and does every job in it; answers why each was refused, if it was. Unguarded it answers
    /// nil, with everything undone, if one failed halfway. Throws what ends the whole batch.
    private func attempt(_ batch: [Job], in transaction: Transaction, guarded: Bool) throws -> [StoreError?]? {
        let database = transaction.database
        try database.run("BEGIN IMMEDIATE")
        var refusals: [StoreError?] = []
        refusals.reserveCapacity(batch.count)
        for job in batch {
            let (mark, changes) = (transaction.mark(), database.totalChanges)
            if guarded { try database.run("SAVEPOINT job") }
            do {
                try job.perform(transaction)
                refusals.append(nil)
            } catch {
                // Some errors end the whole transaction by themselves (sqlite.org/lang_transaction.html, "Response
                // To Errors"): then the neighbours' work is gone too, and they must be told.
                guard database.isInTransaction else { throw error }
                if let fault = error as? SQLiteFault, fault.isFatal || fault.isFull { throw error }
                if !guarded, database.totalChanges != changes {
                    try database.run("ROLLBACK")
                    return nil
                }
                transaction.undo(to: mark)
                if guarded { try database.run("ROLLBACK TO job") }
                refusals.append(StoreError(error))
            }
            if guarded { try database.run("RELEASE job") }
        }
        return refusals
    }

    /// No further write: the storage failed, and a commit that failed is not one that was rolled back.
    private func stop(_ reason: String) {
        guard confined.broken == nil else { return }
        let refusal = StoreError.paidWritesPaused(reason: "the storage failed: \(reason)")
        confined.broken = refusal
        waiting.withLock { $0.closed = refusal }
        failed(reason)
    }
}

// Checkpoints. Only here, on the writer's own connection and queue.
extension Writer {
    /// Keeps the log short when there is no quiet moment to do it in. A reader can keep a log that has been copied
    /// from starting over, so the next one is due when as much again has been written, not at every commit.
    private func checkpointUnderLoad() {
        guard let now = confined.database?.walPages else { return }
        if now < confined.pagesBefore { confined.checkpointAt = limits.checkpointPages }
        confined.pagesBefore = now
        guard now >= confined.checkpointAt else { return }
        checkpoint(.passive)
        confined.checkpointAt = now + limits.checkpointPages
    }

    /// Copies the log into the database. An error while syncing is as bad as one at commit: what the kernel has
    /// dropped it will not write again (wiki.postgresql.org/wiki/Fsync_Errors). The log still has everything, so a
    /// restart recovers. A full disk is no such error: the log stays as it is until there is room.
    private func checkpoint(_ mode: CheckpointMode) {
        guard let database = confined.database, confined.broken == nil else { return }
        switch database.checkpoint(mode) {
        case .success(let remaining): pages.store(remaining, ordering: .relaxed)
        case .failure(let fault):
            if fault.isFatal { stop(fault.description) }
        }
    }

    /// Checkpoints when nothing has been written for a moment, so that busy times have less to do.
    private func waitForQuiet() {
        guard !confined.isQuietCheckSet, walPages >= limits.quietPages else { return }
        confined.isQuietCheckSet = true
        let seen = commits
        queue.asyncAfter(deadline: .now() + limits.quiet) {
            self.confined.isQuietCheckSet = false
            if self.commits == seen { self.checkpoint(.truncate) } else { self.waitForQuiet() }
        }
    }

    /// Finishes what waits, empties the log and closes the connection.
    func close() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            waiting.withLock { if $0.closed == nil { $0.closed = .closed } }
            queue.async {
                self.drain()
                self.checkpoint(.truncate)
                self.confined.database = nil
                continuation.resume()
            }
        }
    }
}
