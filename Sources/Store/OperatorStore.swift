import Domain

/// What whoever runs the gateway needs of the store.
package protocol OperatorStore: Sendable {
    /// What an operator or a breaker decided about a provider; survives a restart.
    func providerStates() async throws(StoreError) -> [ProviderState]
    func setProviderState(_ state: ProviderState, now: Instant) async throws(StoreError)

    /// Notes an operator's act, for good.
    func recordAudit(actor: String, act: String, subject: String, detail: String, now: Instant) async throws(StoreError)

    /// What operators did, newest first.
    func audit(cursor: String?, limit: Int) async throws(StoreError) -> Page<AuditEntry>

    /// Attempts that ended in the span, by provider and UTC day, the latest day first.
    func statistics(since: Instant, until: Instant) async throws(StoreError) -> [ProviderDay]

    /// Why nothing is bought, if a restored backup waits to be looked at; nil otherwise. Never waits.
    var reconciling: String? { get }
    /// An operator has looked at a restored backup: buying goes on.
    func endReconciliation(by actor: String, now: Instant) async throws(StoreError)

    /// A consistent copy while work goes on, verified before it gets its name.
    func backup(to path: String) async throws(StoreError)

    /// Removes what its retention has ended, in small batches.
    func cleanUp(_ retention: Retention, now: Instant) async throws(StoreError) -> CleanUp

    /// Files that rows still speak of, so that a sweep can tell orphans: SHA-256 names of inputs and assets.
    func keptFiles() async throws(StoreError) -> Set<String>

    /// Whether so much is being written that this takes all a core can do. Never waits.
    var isCrowded: Bool { get }

    /// What the store knows of its own health. Never waits.
    var health: StoreHealth { get }
}

package struct ProviderState: Hashable, Sendable {
    package let provider: ProviderID
    /// nil: as the config says.
    package var enabled: Bool?

    package init(provider: ProviderID, enabled: Bool?) {
        self.provider = provider
        self.enabled = enabled
    }
}

/// One act of an operator.
package struct AuditEntry: Hashable, Sendable {
    package let number: Int64
    package let at: Instant
    package let actor: String
    package let act: String
    package let subject: String
    package let detail: String

    package init(number: Int64, at: Instant, actor: String, act: String, subject: String, detail: String) {
        self.number = number
        self.at = at
        self.actor = actor
        self.act = act
        self.subject = subject
        self.detail = detail
    }
}

/// How a provider did on one day.
package struct ProviderDay: Hashable, Sendable {
    /// Days since 1970-01-01.
    package let day: Int64
    package let provider: ProviderID
    /// Tasks that had an attempt there.
    package let tasks: Int
    package let attempts: Int
    package let succeeded: Int
    package let refused: Int
    package let failed: Int
    package let costMicrodollars: Int64
    /// Attempts that may have cost something nobody has told.
    package let unknownCosts: Int
    /// What customers paid for what succeeded.
    package let credits: Credits
    /// The middle and the slow end of what succeeded took.
    package var p50: Duration?
    package var p95: Duration?

    package init(
        day: Int64, provider: ProviderID, tasks: Int, attempts: Int, succeeded: Int, refused: Int, failed: Int,
        costMicrodollars: Int64, unknownCosts: Int, credits: Credits
    ) {
        self.day = day
        self.provider = provider
        self.tasks = tasks
        self.attempts = attempts
        self.succeeded = succeeded
        self.refused = refused
        self.failed = failed
        self.costMicrodollars = costMicrodollars
        self.unknownCosts = unknownCosts
        self.credits = credits
    }
}

package struct Retention: Hashable, Sendable {
    package var finishedTasks: Duration
    package var events: Duration
    /// How long a customer's picture stays after its task has ended.
    package var inputs: Duration
    package var batch: Int

    package init(finishedTasks: Duration, events: Duration, inputs: Duration = .seconds(86_400), batch: Int) {
        self.finishedTasks = finishedTasks
        self.events = events
        self.inputs = inputs
        self.batch = batch
    }
}

package struct CleanUp: Hashable, Sendable {
    /// Files nobody speaks of any more: to be deleted by the caller, after the commit.
    package var files: [String]
    package var tasks: Int
    package var idempotencyKeys: Int
    package var events: Int
    /// Whether a batch was full, so that more may be waiting.
    package var more: Bool

    package init(files: [String], tasks: Int, idempotencyKeys: Int, events: Int, more: Bool) {
        self.files = files
        self.tasks = tasks
        self.idempotencyKeys = idempotencyKeys
        self.events = events
        self.more = more
    }
}

package struct StoreHealth: Hashable, Sendable {
    /// Why paid writes are refused, if they are.
    package var paused: String?
    package var sqliteVersion: String
    /// The SQLite at hand has the WAL-reset bug (3.7.0 to 3.51.2, save 3.44.6 and 3.50.7 on).
    package var hasWALResetBug: Bool
    package var walBytes: Int64
    package var tasksByState: [TaskState: Int]
    package var commits: UInt64
    package var writes: UInt64
    /// Reads of the database; what memory answers is none.
    package var reads: UInt64

    package init(
        paused: String?, sqliteVersion: String, hasWALResetBug: Bool, walBytes: Int64, tasksByState: [TaskState: Int],
        commits: UInt64, writes: UInt64, reads: UInt64
    ) {
        self.paused = paused
        self.sqliteVersion = sqliteVersion
        self.hasWALResetBug = hasWALResetBug
        self.walBytes = walBytes
        self.tasksByState = tasksByState
        self.commits = commits
        self.writes = writes
        self.reads = reads
    }
}
