import Domain
import Synchronization

package protocol TaskStore: Sendable {
    /// Takes a task with its money: idempotency row, task, slots and holds in one transaction. Answers only
    /// after that is synced.
    func submit(_ submission: Submission) async throws(StoreError) -> SubmitOutcome

    /// The stored answer for this key, if there is one and it has not expired.
    func replay(_ key: IdempotencyKey, account: AccountID, now: Instant) async throws(StoreError) -> Replay?

    /// A live or recent task, from memory; nil says only that it must be read. Never waits.
    func recent(_ id: TaskID) -> RenderedTask?

    func task(_ id: TaskID) async throws(StoreError) -> GenerationTask?

    /// One account's tasks, newest first.
    func tasks(of account: AccountID?, _ filter: TaskFilter) async throws(StoreError) -> Page<GenerationTask>

    /// Every attempt of a task, oldest first, and its postings: the whole story.
    func attempts(of task: TaskID) async throws(StoreError) -> [(slot: Int, attempt: Attempt)]
    func postings(of task: TaskID) async throws(StoreError) -> [Posting]

    /// How many slots are to be dispatched before this task's first, by the dispatcher's own order. Never waits.
    func queuePosition(of task: GenerationTask) -> Int?

    /// Applies what happened to a slot, with its money and its announcements, in one transaction. News of a slot
    /// that has moved on changes nothing and says so; a late result is kept beside the attempt.
    func apply(
        _ event: SlotEvent, to slot: SlotReference, at now: Instant
    ) async throws(StoreError) -> Applied

    /// Cancels every slot that can still be canceled. `account` nil: by the operator.
    func cancel(
        _ task: TaskID, account: AccountID?, failure: Failure, at now: Instant
    ) async throws(StoreError) -> CancelOutcome

    /// Queued slots that are due, fair between accounts: index only, whatever the number of finished tasks.
    func queued(limit: Int, now: Instant) async throws(StoreError) -> [DueSlot]

    /// Slots in `states` whose next step is due.
    func due(_ states: Set<TaskState>, limit: Int, now: Instant) async throws(StoreError) -> [DueSlot]

    /// Slots that an older run of the gateway left in the middle of a submit.
    func orphans(before boot: Int64, limit: Int) async throws(StoreError) -> [DueSlot]

    /// Tasks whose deadline (or `start_within`) has passed.
    func overdue(limit: Int, now: Instant) async throws(StoreError) -> [GenerationTask]

    /// Tasks ended since that left a job behind at a provider: canceled or out of time while it ran.
    func abandoned(since: Instant) async throws(StoreError) -> [GenerationTask]

    /// The slot of an attempt, by its token: for callbacks.
    func slot(token: String) async throws(StoreError) -> DueSlot?

    /// Whether a job at `provider` is known as another attempt's than this one's.
    func isTaken(
        _ handle: UpstreamHandle, at provider: ProviderID, butNotBy attempt: AttemptID
    ) async throws(StoreError) -> Bool

    /// Keeps what came after the end (JSON text or a note) beside the attempt, for the operator.
    func keepLate(_ evidence: Evidence, attempt: AttemptID, now: Instant) async throws(StoreError)

    /// Tells the attempt's id at the provider even when its slot has moved on, so that it can be canceled there.
    func keepHandle(_ handle: UpstreamHandle, attempt: AttemptID, now: Instant) async throws(StoreError)

    /// Calls `handler` after every commit that changed tasks, with what they are now. For waking waiters:
    /// called on the writer's queue, must return at once.
    func onChange(_ handler: @escaping @Sendable ([RenderedTask]) -> Void)

    /// Outcome of the customer's own `upload_url`, told in status.
    func recordUpload(_ outcome: String, task: TaskID, now: Instant) async throws(StoreError)
}

package struct SlotReference: Hashable, Sendable {
    package let task: TaskID
    package let slot: Int
    /// The try the news is of; nil when it is of none.
    package let attempt: AttemptID?

    package init(task: TaskID, slot: Int, attempt: AttemptID?) {
        self.task = task
        self.slot = slot
        self.attempt = attempt
    }
}

/// A slot with work to do, and the task it belongs to.
package struct DueSlot: Hashable, Sendable {
    package let task: GenerationTask
    package let index: Int
    package var slot: Slot { task.slots[index] }
    package var reference: SlotReference { SlotReference(task: task.id, slot: index, attempt: slot.attempt?.id) }

    package init(task: GenerationTask, index: Int) {
        self.task = task
        self.index = index
    }
}

/// A task as it was committed, and its public status body, rendered at most once: when somebody first looks.
/// A class, so that handing it out is one reference and not a copy of all that is in a task.
package final class RenderedTask: Sendable {
    package let task: GenerationTask
    private let render: @Sendable (GenerationTask) -> [UInt8]
    private let rendered = Mutex<[UInt8]?>(nil)

    package init(task: GenerationTask, render: @escaping @Sendable (GenerationTask) -> [UInt8]) {
        self.task = task
        self.render = render
    }

    package convenience init(task: GenerationTask, body: [UInt8]) {
        self.init(task: task) { _ in body }
    }

    package var body: [UInt8] {
        rendered.withLock { rendered in
            if let rendered { return rendered }
            let body = render(task)
            rendered = body
            return body
        }
    }
}

package struct Submission: Sendable {
    package let task: GenerationTask
    package let idempotency: IdempotencyKey?
    /// The body of the answer, kept for replays.
    package let answer: [UInt8]
    /// Unfinished tasks the account may have.
    package let concurrentTasks: Int
    /// The most the key may ever spend.
    package let spendCap: Credits?
    /// Where `wallet.low` is told, for accounts without a mark of their own.
    package let lowBalance: Credits?

    package init(
        task: GenerationTask, idempotency: IdempotencyKey?, answer: [UInt8], concurrentTasks: Int, spendCap: Credits?,
        lowBalance: Credits? = nil
    ) {
        self.task = task
        self.idempotency = idempotency
        self.answer = answer
        self.concurrentTasks = concurrentTasks
        self.spendCap = spendCap
        self.lowBalance = lowBalance
    }
}

package struct IdempotencyKey: Hashable, Sendable {
    package let endpoint: String
    package let key: String
    /// SHA-256 of the canonical request: not of its bytes.
    package let fingerprint: [UInt8]
    package let expiresAt: Instant

    package init(endpoint: String, key: String, fingerprint: [UInt8], expiresAt: Instant) {
        self.endpoint = endpoint
        self.key = key
        self.fingerprint = fingerprint
        self.expiresAt = expiresAt
    }
}

/// What a POST beside submits answers under its Idempotency-Key. It is kept in the transaction that does what it tells
/// of, so that one exists if and only if the other does.
package struct KeptAnswer: Sendable {
    package let key: IdempotencyKey
    /// May show a secret once more: the store seals it.
    package let body: [UInt8]
    package let at: Instant

    package init(key: IdempotencyKey, body: [UInt8], at: Instant) {
        self.key = key
        self.body = body
        self.at = at
    }
}

package enum Replay: Sendable {
    case answer(task: TaskID, body: [UInt8])
    /// The key was used for another request.
    case mismatch
}

package enum SubmitOutcome: Sendable {
    case created(balance: Credits)
    case replayed(Replay)
    case insufficient(required: Credits, balance: Credits)
    /// The key's own spend cap stands in the way.
    case capped(cap: Credits, spent: Credits)
    case tooManyTasks(limit: Int)
}

package enum Applied: Sendable {
    case changed(GenerationTask)
    /// Nothing was changed: this is how the task stands.
    case stale(GenerationTask)
}

package enum CancelOutcome: Sendable {
    /// `abandoned`: attempts that were running upstream and should be canceled there.
    case canceled(GenerationTask, abandoned: [Attempt])
    /// Already ended, or its file is on its way: nothing changed.
    case tooLate(GenerationTask)
    case notFound
}

package struct TaskFilter: Hashable, Sendable {
    package var states: Set<TaskState>?
    package var provider: ProviderID?
    package var since: Instant?
    package var cursor: String?
    package var limit: Int

    package init(
        states: Set<TaskState>? = nil, provider: ProviderID? = nil, since: Instant? = nil, cursor: String? = nil,
        limit: Int = 50
    ) {
        self.states = states
        self.provider = provider
        self.since = since
        self.cursor = cursor
        self.limit = limit
    }
}

/// A stretch of a list, and where the next begins.
package struct Page<Item: Sendable>: Sendable {
    package let items: [Item]
    package let next: String?

    package init(items: [Item], next: String?) {
        self.items = items
        self.next = next
    }
}
