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
        return try await slots(at: found) { $0 == .queued }
    }

    /// The slots at `places` that are still in such a state: from memory, where nearly all of what is unfinished is,
    /// and the others from rows.
    private func slots(
        at places: [Place], _ isWanted: (TaskState) -> Bool
    ) async throws(StoreError) -> [DueSlot] {
        var slots: [DueSlot] = []
        slots.reserveCapacity(places.count)
        for place in places {
            guard let task = try await task(place.task), task.slots.indices.contains(place.slot),
                isWanted(task.slots[place.slot].state)
            else { continue }
            slots.append(DueSlot(task: task, index: place.slot))
        }
        return slots
    }

    package func due(
        _ states: Set<TaskState>, limit: Int, now: Instant
    ) async throws(StoreError) -> [DueSlot] {
        let found = try await readers.read { database in
            try database.snapshot { try database.due(states, limit: limit, now: now) }
        }
        return try await slots(at: found, states.contains)
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
                ) { row in Place(task: try row.id(), slot: row.int()) }
            }
        }
        return try await slots(at: found) { $0 == .submitting }
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

    package func abandoned(since: Instant) async throws(StoreError) -> [GenerationTask] {
        try await readers.read { database in
            try database.snapshot {
                let found = try database.all(
                    """
                    SELECT id FROM tasks
                     WHERE finished_at >= ?
                       AND EXISTS (SELECT 1 FROM attempts
                                    WHERE task = tasks.id AND outcome = 'abandoned' AND upstream_id IS NOT NULL)
                    """, { $0.bind(since) }
                ) { try $0.id(GenerationTask.self) }
                return try found.compactMap { try database.task($0) }
            }
        }
    }

    package func isTaken(
        _ handle: UpstreamHandle, at provider: ProviderID, butNotBy attempt: AttemptID
    ) async throws(StoreError) -> Bool {
        try await readers.read { database in
            try database.one(
                "SELECT 1 FROM attempts WHERE upstream_id = ? AND provider = ? AND id <> ? LIMIT 1",
                { statement in
                    statement.bind(handle.id)
                    statement.bind(provider.rawValue)
                    statement.bind(attempt)
                }
            ) { _ in true } ?? false
        }
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
            ) { row in Place(task: try row.id(), slot: row.int()) }
        }
        guard let place else { return nil }
        return try await slots(at: [place]) { _ in true }.first
    }

    package func queuePosition(of task: GenerationTask) -> Int? { queueOrder.position(of: task) }
}

/// A slot that was found.
private struct Place: Sendable {
    let task: TaskID
    let slot: Int
}

extension Database {
    /// Accounts looked at in one go: enough for any dispatch, and a bound on the walk.
    private static let accountsAtOnce = 512

    /// One of each account in turn, beginning after the one served last, those of normal priority before those of
    /// low. Also answers after which account the next look begins.
    fileprivate func queued(
        limit: Int, after last: AccountID?, now: Instant
    ) throws -> (places: [Place], served: AccountID?) {
        var chosen: [Place] = []
        var served: AccountID?
        var reached: AccountID?
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
            // What is due beyond those that were looked at comes with the next look, or it would wait for as long as
            // so many have something queued that is not due.
            if reached == nil, chosen.count < limit, accounts.count == Self.accountsAtOnce { reached = accounts.last }
        }
        return (chosen, reached ?? served)
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
    ) throws -> [Place] {
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
        ) { row in Place(task: try row.id(), slot: row.int()) }
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
            ) { row in (dueAt: row.integer(), place: Place(task: try row.id(), slot: row.int())) }
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
}
