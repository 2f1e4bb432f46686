import Domain

// Keeping small: what its retention has ended goes, a batch at a time, each batch one write among the others.
// Postings stay for good.

extension SQLiteStore {
    package func cleanUp(_ retention: Retention, now: Instant) async throws(StoreError) -> CleanUp {
        let batch = min(max(1, retention.batch), 500)
        let (keys, keysFull) = try await writer.write { try $0.removeIdempotencyKeys(before: now, batch: batch) }
        let (files, filesFull) = try await writer.write { try $0.letFilesGo(now: now, retention, batch: batch) }
        let (events, eventsFull) = try await writer.write {
            try $0.removeEvents(before: now - retention.events, batch: batch)
        }
        let (tasks, tasksFull) = try await writer.write { [cache] in
            try $0.removeTasks(before: now - retention.finishedTasks, batch: batch, cache)
        }
        return CleanUp(
            files: files, tasks: tasks, idempotencyKeys: keys, events: events,
            more: keysFull || filesFull || eventsFull || tasksFull)
    }

    package func keptFiles() async throws(StoreError) -> Set<String> {
        try await readers.read { database in
            var files: Set<String> = []
            try database.each(
                """
                SELECT sha256 FROM inputs WHERE removed_at IS NULL
                UNION ALL SELECT sha256 FROM assets WHERE sha256 IS NOT NULL AND removed_at IS NULL
                """
            ) { files.insert($0.text()) }
            return files
        }
    }
}

extension Transaction {
    /// Expired ones, save those of unfinished tasks: a retry must still find its task.
    fileprivate func removeIdempotencyKeys(before now: Instant, batch: Int) throws -> (Int, Bool) {
        let count = try database.run(
            """
            DELETE FROM idempotency WHERE number IN (
                SELECT number FROM idempotency
                 WHERE expires_at <= ?
                   AND NOT EXISTS (SELECT 1 FROM tasks WHERE id = idempotency.task AND finished_at IS NULL)
                 ORDER BY expires_at LIMIT ?)
            """
        ) {
            $0.bind(now)
            $0.bind(batch)
        }
        return (count, count == batch)
    }

    /// Assets past their time, and pictures no longer needed. The rows stay with their task and tell the story; the
    /// answer names files that no row speaks of any more.
    fileprivate func letFilesGo(now: Instant, _ retention: Retention, batch: Int) throws -> ([String], Bool) {
        let assets = try database.all(
            """
            SELECT a.task, a.slot, a.kind, a.sha256
              FROM tasks CROSS JOIN assets AS a ON a.task = tasks.id
             WHERE tasks.expires_at <= ? AND a.removed_at IS NULL LIMIT ?
            """,
            {
                $0.bind(now)
                $0.bind(batch)
            }
        ) { row in
            (task: try row.id(GenerationTask.self), slot: row.int(), kind: row.text(), file: row.optional { $0.text() })
        }
        for asset in assets {
            try database.run("UPDATE assets SET removed_at = ? WHERE task = ? AND slot = ? AND kind = ?") {
                $0.bind(now)
                $0.bind(asset.task)
                $0.bind(asset.slot)
                $0.bind(asset.kind)
            }
        }
        let inputs = try database.all(
            """
            SELECT i.task, i.sha256 FROM inputs AS i CROSS JOIN tasks ON tasks.id = i.task
             WHERE i.removed_at IS NULL AND tasks.finished_at <= ? LIMIT ?
            """,
            {
                $0.bind(now - retention.inputs)
                $0.bind(batch)
            }
        ) { row in (task: try row.id(GenerationTask.self), file: row.text()) }
        for input in inputs {
            try database.run("UPDATE inputs SET removed_at = ? WHERE task = ?") {
                $0.bind(now)
                $0.bind(input.task)
            }
        }
        let files = Set(assets.compactMap(\.file) + inputs.map(\.file))
        return (try files.filter { try !isSpokenOf($0) }.sorted(), assets.count == batch || inputs.count == batch)
    }

    private func isSpokenOf(_ file: String) throws -> Bool {
        try database.one(
            """
            SELECT EXISTS (SELECT 1 FROM inputs WHERE sha256 = ?1 AND removed_at IS NULL)
                OR EXISTS (SELECT 1 FROM assets WHERE sha256 = ?1 AND sha256 IS NOT NULL AND removed_at IS NULL)
            """, { $0.bind(file) }
        ) { $0.int() == 1 } ?? false
    }

    /// Old events, with their deliveries, unless one is still to be delivered.
    fileprivate func removeEvents(before: Instant, batch: Int) throws -> (Int, Bool) {
        let events = try database.all(
            """
            SELECT id FROM events
             WHERE at < ?
               AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = events.id AND state = 'pending')
             ORDER BY at LIMIT ?
            """,
            {
                $0.bind(before)
                $0.bind(batch)
            }
        ) { try $0.id(Event.self) }
        for event in events {
            try database.run(
                "DELETE FROM delivery_attempts WHERE delivery IN (SELECT id FROM deliveries WHERE event = ?)"
            ) { $0.bind(event) }
            try database.run("DELETE FROM deliveries WHERE event = ?") { $0.bind(event) }
            try database.run("DELETE FROM events WHERE id = ?") { $0.bind(event) }
        }
        return (events.count, events.count == batch)
    }

    /// Ended tasks whose files have gone. What they cost stays in the ledger.
    fileprivate func removeTasks(before: Instant, batch: Int, _ cache: StatusCache) throws -> (Int, Bool) {
        let tasks = try database.all(
            """
            SELECT id FROM tasks
             WHERE finished_at < ?
               AND NOT EXISTS (SELECT 1 FROM assets WHERE task = tasks.id AND removed_at IS NULL)
               AND NOT EXISTS (SELECT 1 FROM inputs WHERE task = tasks.id AND removed_at IS NULL)
             ORDER BY finished_at LIMIT ?
            """,
            {
                $0.bind(before)
                $0.bind(batch)
            }
        ) { try $0.id(GenerationTask.self) }
        for task in tasks {
            try database.run("DELETE FROM inputs WHERE task = ?") { $0.bind(task) }
            try database.run("DELETE FROM assets WHERE task = ?") { $0.bind(task) }
            try database.run("UPDATE slots SET attempt = NULL WHERE task = ? AND state <> 'finished'") { $0.bind(task) }
            try database.run("DELETE FROM attempts WHERE task = ?") { $0.bind(task) }
            try database.run("DELETE FROM slots WHERE task = ?") { $0.bind(task) }
            try database.run("DELETE FROM tasks WHERE id = ?") { $0.bind(task) }
            afterCommit { cache.remove(task) }
        }
        return (tasks.count, tasks.count == batch)
    }
}
