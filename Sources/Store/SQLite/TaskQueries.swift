import Domain

// Looking: at one task, at lists, at the whole story of one.

extension SQLiteStore {
    package func recent(_ id: TaskID) -> RenderedTask? { cache[id] }

    package func task(_ id: TaskID) async throws(StoreError) -> GenerationTask? {
        if let recent = cache[id] { return recent.task }
        let seen = writer.commits
        guard let task = try await readers.read({ try $0.snapshot(reading: id) }) else { return nil }
        cache.insert(rendered(task)) { writer.commits == seen }
        return task
    }

    package func tasks(
        of account: AccountID?, _ filter: TaskFilter
    ) async throws(StoreError) -> Page<GenerationTask> {
        let before = try filter.cursor.map(Cursor.id(GenerationTask.self))
        return try await readers.read { database in
            try database.snapshot {
                let limit = Cursor.bounded(filter.limit)
                let ids = try database.tasks(of: account, filter, before: before, limit: limit + 1)
                let page = Page(of: ids, limit: limit) { $0.description }
                return Page(items: try page.items.compactMap { try database.task($0) }, next: page.next)
            }
        }
    }

    package func attempts(of task: TaskID) async throws(StoreError) -> [(slot: Int, attempt: Attempt)] {
        try await readers.read { try $0.attempts(of: task) }
    }

    package func postings(of task: TaskID) async throws(StoreError) -> [Posting] {
        try await readers.read { try $0.postings(of: task) }
    }
}

extension Database {
    fileprivate func snapshot(reading id: TaskID) throws -> GenerationTask? { try snapshot { try task(id) } }

    /// Newest first. Put together from literals: each condition that is not asked for would keep the planner from
    /// its index.
    fileprivate func tasks(
        of account: AccountID?, _ filter: TaskFilter, before: TaskID?, limit: Int
    ) throws -> [TaskID] {
        var conditions: [String] = []
        if account != nil { conditions.append("account = ?") }
        if before != nil { conditions.append("id < ?") }
        if filter.since != nil { conditions.append("created_at >= ? AND id >= ?") }
        let states = filter.states.map { states in TaskState.allCases.filter(states.contains) }
        // Those under way, and those that failed, are few among many: they are looked for in an index of their own.
        // The planner would rather walk through all of them in the order that is asked for.
        var index = ""
        if let states, !states.isEmpty, states.allSatisfy({ !$0.isFinal }) {
            index = " INDEXED BY tasks_by_deadline"
            conditions.append("finished_at IS NULL")
        } else if let states, !states.isEmpty, account != nil, states.allSatisfy({ $0.isFinal && $0 != .finished }) {
            index = " INDEXED BY tasks_that_failed"
            conditions.append("failure_code IS NOT NULL")
        }
        if let states {
            conditions.append("state IN (" + states.map { _ in "?" }.joined(separator: ", ") + ")")
        }
        if filter.provider != nil {
            conditions.append("EXISTS (SELECT 1 FROM attempts WHERE task = tasks.id AND provider = ?)")
        }
        let sql =
            "SELECT id FROM tasks" + index
            + (conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND "))
            + " ORDER BY id DESC LIMIT ?"
        return try all(
            composed: sql,
            { statement in
                if let account { statement.bind(account) }
                if let before { statement.bind(before) }
                if let since = filter.since {
                    statement.bind(since)
                    // Ids are in order of time to the millisecond, so the walk can end there.
                    statement.bind(TaskID(high: UInt64(bitPattern: since.milliseconds) << 16, low: 0))
                }
                for state in states ?? [] { statement.bind(state.rawValue) }
                if let provider = filter.provider { statement.bind(provider.rawValue) }
                statement.bind(limit)
            }
        ) { try $0.id() }
    }
}
