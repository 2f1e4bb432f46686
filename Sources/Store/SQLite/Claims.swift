import Domain
import Synchronization

// What is to be done next. Every look-up here reads one of the partial indexes over unfinished work, so its cost
// does not know how many tasks have finished.

extension SQLiteStore {
    package func queued(limit: Int, now: Instant) async throws(StoreError) -> [DueSlot] {
        // Nothing is bought while the ledger is in doubt or a restored backup has not been looked at.
        guard spending.paused == nil else { return [] }
        let last = lastServed.withLock { $0 }
        let (found, served) = try await readers.read { database in
            try database.snapshot { try database.queued(limit: limit, after: last, now: now) }
        }
        if let served { lastServed.withLock { $0 = served } }
        return found.compactMap { place in
            guard let task = place.task(in: cache), task.slots[place.slot].state == .queued else { return nil }
            return DueSlot(task: task, index: place.slot)
        }
    }

    package func due(
        _ states: Set<TaskState>, limit: Int, now: Instant
    ) async throws(StoreError) -> [DueSlot] {
        let found = try await readers.read { database in
            try database.snapshot { try database.due(states, limit: limit, now: now) }
        }
        return found.compactMap { place in
            guard let task = place.task(in: cache), states.contains(task.slots[place.slot].state) else { return nil }
            return DueSlot(task: task, index: place.slot)
        }
    }

    package func orphans(before boot: Int64, limit: Int) async throws(StoreError) -> [DueSlot] {
        let found = try await readers.read { database in
            try database.snapshot {
                try database.all(
                    """
                    SELECT slots.task, slots.slot
                      FROM slots JOIN attempts ON attempts.id = slots.attempt
                     WHERE slots.state = 'submitting' AND attempts.boot < ? LIMIT ?
                    """,
                    {
                        $0.bind(boot)
                        $0.bind(limit)
                    }
                ) { row in try database.place(&row) }
            }
        }
        return found.compactMap { place in
            guard let task = place.task(in: cache), task.slots[place.slot].state == .submitting else { return nil }
            return DueSlot(task: task, index: place.slot)
        }
    }

    package func overdue(limit: Int, now: Instant) async throws(StoreError) -> [GenerationTask] {
        let found = try await readers.read { database in
            try database.snapshot {
                let late = try database.all(
                    "SELECT id FROM tasks WHERE finished_at IS NULL AND deadline <= ? ORDER BY deadline LIMIT ?",
                    {
                        $0.bind(now)
                        $0.bind(limit)
                    }
                ) { try $0.id(GenerationTask.self) }
                let unstarted = try database.all(
                    """
                    SELECT id FROM tasks
                     WHERE start_by IS NOT NULL AND started_at IS NULL AND finished_at IS NULL AND start_by <= ?
                     ORDER BY start_by LIMIT ?
                    """,
                    {
                        $0.bind(now)
                        $0.bind(limit - late.count)
                    }
                ) { try $0.id(GenerationTask.self) }
                return try (late + unstarted.filter { !late.contains($0) }).compactMap { try database.task($0) }
            }
        }
        return found.map { cache[$0.id]?.task ?? $0 }.filter { !$0.state.isFinal }
    }

    package func slot(token: String) async throws(StoreError) -> DueSlot? {
        let place = try await readers.read { database in
            try database.one(
                """
                SELECT slots.task, slots.slot
                  FROM attempts JOIN slots ON slots.attempt = attempts.id
                       AND slots.task = attempts.task AND slots.slot = attempts.slot
                 WHERE attempts.token = ?
                """, { $0.bind(token) }
            ) { row in try database.place(&row) }
        }
        guard let place, let task = place.task(in: cache) else { return nil }
        return DueSlot(task: task, index: place.slot)
    }

    package func nextDue() async throws(StoreError) -> Instant? {
        try await readers.read { database in try database.snapshot { try database.nextDue() } }
    }

    package func queuePosition(of task: GenerationTask) -> Int? { queueOrder.position(of: task) }
}

/// A slot that was found, with its task as the reader saw it.
struct Place: Sendable {
    let read: GenerationTask
    let slot: Int

    /// The newest there is: what the writer published since is newer than what a reader saw.
    func task(in cache: StatusCache) -> GenerationTask? {
        let task = cache[read.id]?.task ?? read
        return task.slots.indices.contains(slot) ? task : nil
    }
}

extension Database {
    /// Accounts looked at in one go: enough for any dispatch, and a bound on the walk.
    private static let accountsAtOnce = 512

    /// One of each account in turn, beginning after the one served last, those of normal priority before those of
    /// low. Also answers which account had the last turn.
    fileprivate func queued(
        limit: Int, after last: AccountID?, now: Instant
    ) throws -> (places: [Place], served: AccountID?) {
        var chosen: [(task: TaskID, slot: Int)] = []
        var served: AccountID?
        for rank in [GenerationRequest.Priority.normal.rank, GenerationRequest.Priority.low.rank] {
            let accounts = try waitingAccounts(rank: rank, after: last)
            var lines = try accounts.map { account in
                (account, ArraySlice(try line(of: account, rank: rank, limit: limit - chosen.count, now: now)))
            }
            while chosen.count < limit, !lines.isEmpty {
                for index in lines.indices where chosen.count < limit {
                    guard let head = lines[index].1.popFirst() else { continue }
                    chosen.append(head)
                    served = lines[index].0
                }
                lines.removeAll { $0.1.isEmpty }
            }
        }
        return (try chosen.compactMap { try place(task: $0.task, slot: $0.slot) }, served)
    }

    /// Accounts with anything queued, by a loose scan: one probe of the index each (sqlite.org has no skip scan for
    /// this; the pattern is wiki.postgresql.org/wiki/Loose_indexscan).
    private func waitingAccounts(rank: Int, after last: AccountID?) throws -> [AccountID] {
        func next(after account: AccountID) throws -> AccountID? {
            try one(
                """
                SELECT account FROM slots
                 WHERE state = 'queued' AND priority = ? AND account > ? ORDER BY account LIMIT 1
                """,
                {
                    $0.bind(rank)
                    $0.bind(account)
                }
            ) { try $0.id(Account.self) }
        }
        var accounts: [AccountID] = []
        let start = last ?? AccountID(high: 0, low: 0)
        var at = start
        while accounts.count < Self.accountsAtOnce, let account = try next(after: at) {
            accounts.append(account)
            at = account
        }
        at = AccountID(high: 0, low: 0)
        while accounts.count < Self.accountsAtOnce, let account = try next(after: at), account <= start {
            accounts.append(account)
            at = account
        }
        return accounts
    }

    private func line(
        of account: AccountID, rank: Int, limit: Int, now: Instant
    ) throws -> [(task: TaskID, slot: Int)] {
        try all(
            """
            SELECT task, slot FROM slots
             WHERE state = 'queued' AND priority = ? AND account = ? AND due_at <= ?
             ORDER BY due_at, task, slot LIMIT ?
            """,
            {
                $0.bind(rank)
                $0.bind(account)
                $0.bind(now)
                $0.bind(limit)
            }
        ) { row in (task: try row.id(), slot: row.int()) }
    }

    fileprivate func due(_ states: Set<TaskState>, limit: Int, now: Instant) throws -> [Place] {
        var found: [(dueAt: Int64, place: Place)] = []
        for state in states {
            guard let sql = Self.dueSQL(state) else { continue }
            found += try all(
                sql,
                {
                    $0.bind(now)
                    $0.bind(limit)
                }
            ) { row in (dueAt: row.integer(), place: try place(&row)) }
        }
        return found.sorted { $0.dueAt < $1.dueAt }.prefix(limit).map(\.place)
    }

    /// The state stands in the SQL as it is, for the planner to see that the partial index will do.
    private static func dueSQL(_ state: TaskState) -> StaticString? {
        switch state {
        case .submitting:
            "SELECT due_at, task, slot FROM slots WHERE state = 'submitting' AND due_at <= ? ORDER BY due_at LIMIT ?"
        case .unknown:
            "SELECT due_at, task, slot FROM slots WHERE state = 'unknown' AND due_at <= ? ORDER BY due_at LIMIT ?"
        case .running:
            "SELECT due_at, task, slot FROM slots WHERE state = 'running' AND due_at <= ? ORDER BY due_at LIMIT ?"
        case .fetching:
            "SELECT due_at, task, slot FROM slots WHERE state = 'fetching' AND due_at <= ? ORDER BY due_at LIMIT ?"
        case .queued, .finished, .failed, .canceled, .expired: nil
        }
    }

    fileprivate func nextDue() throws -> Instant? {
        var moments: [Int64] = []
        func note(_ sql: StaticString, _ bind: (Statement) -> Void = { _ in }) throws {
            if let moment = try one(sql, bind, { row in row.optional { $0.integer() } }) ?? nil {
                moments.append(moment)
            }
        }
        try note("SELECT min(due_at) FROM slots WHERE state = 'unknown'")
        try note("SELECT min(due_at) FROM slots WHERE state = 'running'")
        try note("SELECT min(due_at) FROM slots WHERE state = 'fetching'")
        try note("SELECT min(deadline) FROM tasks WHERE finished_at IS NULL")
        try note(
            """
            SELECT min(start_by) FROM tasks
             WHERE start_by IS NOT NULL AND started_at IS NULL AND finished_at IS NULL
            """)
        for rank in [GenerationRequest.Priority.normal.rank, GenerationRequest.Priority.low.rank] {
            for account in try waitingAccounts(rank: rank, after: nil) {
                try note("SELECT min(due_at) FROM slots WHERE state = 'queued' AND priority = ? AND account = ?") {
                    $0.bind(rank)
                    $0.bind(account)
                }
            }
        }
        return moments.min().map(Instant.init(milliseconds:))
    }

    fileprivate func place(_ row: inout Row) throws -> Place {
        let task = try row.id(GenerationTask.self)
        guard let place = try place(task: task, slot: row.int()) else { throw StoreError.broken("a slot of no task") }
        return place
    }

    private func place(task: TaskID, slot: Int) throws -> Place? {
        try self.task(task).map { Place(read: $0, slot: slot) }
    }
}
