import Domain
import Synchronization

// Keeping small: what its retention has ended goes, a batch at a time, each batch one write among the others.
// Postings stay for good.

extension SQLiteStore {
    package func cleanUp(_ retention: Retention, now: Instant) async throws(StoreError) -> CleanUp {
        let batch = min(max(1, retention.batch), 500)
        let (keys, keysFull) = try await writer.write { try $0.removeIdempotencyKeys(before: now, batch: batch) }
        let (files, filesFull) = try await letFilesGo(now: now, retention, batch: batch)
        let events = try await removeEvents(before: now - retention.events, batch: batch)
        let tasks = try await removeTasks(before: now - retention.finishedTasks, batch: batch)
        return CleanUp(
            files: files, tasks: tasks, idempotencyKeys: keys, events: events,
            more: keysFull || filesFull || events == batch || tasks == batch)
    }

    // Looked for by a reader, who may have to pass many that must stay; the writer is told what to remove.

    /// Old events, with their deliveries, unless one is still to be delivered.
    private func removeEvents(before: Instant, batch: Int) async throws(StoreError) -> Int {
        let found = try await readers.read { try $0.oldEvents(before: before, limit: batch) }
        guard !found.isEmpty else { return 0 }
        return try await writer.write { try $0.removeEvents(found) }
    }

    /// Ended tasks whose files have gone. What they cost stays in the ledger.
    private func removeTasks(before: Instant, batch: Int) async throws(StoreError) -> Int {
        let found = try await readers.read { try $0.oldTasks(before: before, limit: batch) }
        guard !found.isEmpty else { return 0 }
        return try await writer.write { [cache] in try $0.removeTasks(found, cache) }
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

/// How far a walk through ended tasks has come. What it has passed has no files left, so every look goes on from
/// there, and a month of finished tasks costs no more than an hour of them. From the beginning again at each start:
/// that also finds what a clock that was put back has hidden.
struct JanitorWalk: Sendable {
    struct Place: Hashable, Sendable {
        var at: Int64
        var number: Int64
    }

    var assets = Place(at: 0, number: 0)
    var inputs = Place(at: 0, number: 0)
}

/// A file whose time is over.
private struct FileFind: Sendable {
    let task: TaskID
    let slot: Int
    /// Nil: a picture that came in.
    let kind: String?
    let file: String?
}

extension SQLiteStore {
    /// Assets past their time, and pictures no longer needed. Looked for by a reader: the writer is only asked when
    /// there is something to do.
    private func letFilesGo(
        now: Instant, _ retention: Retention, batch: Int
    ) async throws(StoreError) -> ([String], Bool) {
        let walk = janitorWalk.withLock { $0 }
        let (assets, inputs) = try await readers.read { database in
            try database.snapshot {
                (
                    try database.expiredAssets(after: walk.assets, until: now, atMost: batch),
                    try database.spentInputs(after: walk.inputs, until: now - retention.inputs, atMost: batch)
                )
            }
        }
        let found = assets.found + inputs.found
        let gone = found.isEmpty ? [] : try await writer.write { try $0.letGo(found, at: now) }
        janitorWalk.withLock { $0 = JanitorWalk(assets: assets.end, inputs: inputs.end) }
        return (gone, assets.more || inputs.more)
    }
}

/// What one look found, and how far it came.
private struct Stretch: Sendable {
    /// Tasks looked at in one go, whether they still have files or not: a few milliseconds of a reader's time.
    static let tasks = 2000

    private(set) var found: [FileFind] = []
    private(set) var end: JanitorWalk.Place
    private(set) var more = false

    /// `rows`: every task's place, with its files beside it if it has any. Whole tasks are taken, until there are
    /// `limit` files.
    init(_ rows: [(place: JanitorWalk.Place, find: FileFind?)], after start: JanitorWalk.Place, atMost limit: Int) {
        end = start
        var tasks = 0
        for row in rows {
            if row.place != end {
                guard found.count < limit else {
                    more = true
                    return
                }
                (end, tasks) = (row.place, tasks + 1)
            }
            if let find = row.find { found.append(find) }
        }
        more = tasks >= Self.tasks
    }
}

extension Database {
    fileprivate func expiredAssets(
        after start: JanitorWalk.Place, until: Instant, atMost limit: Int
    ) throws -> Stretch {
        let rows = try all(
            """
            SELECT t.expires_at, t.number, t.id, a.slot, a.kind, a.sha256
              FROM (SELECT id, number, expires_at FROM tasks
                     WHERE expires_at IS NOT NULL AND (expires_at, number) > (?, ?) AND expires_at <= ?
                     ORDER BY expires_at, number LIMIT ?) AS t
              LEFT JOIN assets AS a ON a.task = t.id AND a.removed_at IS NULL
             ORDER BY t.expires_at, t.number
            """, { Self.bind($0, start, until) }, Self.find)
        return Stretch(rows, after: start, atMost: limit)
    }

    fileprivate func spentInputs(
        after start: JanitorWalk.Place, until: Instant, atMost limit: Int
    ) throws -> Stretch {
        let rows = try all(
            """
            SELECT t.finished_at, t.number, t.id, CASE WHEN i.task IS NULL THEN NULL ELSE 0 END, NULL, i.sha256
              FROM (SELECT id, number, finished_at FROM tasks
                     WHERE finished_at IS NOT NULL AND (finished_at, number) > (?, ?) AND finished_at <= ?
                     ORDER BY finished_at, number LIMIT ?) AS t
              LEFT JOIN inputs AS i ON i.task = t.id AND i.removed_at IS NULL
             ORDER BY t.finished_at, t.number
            """, { Self.bind($0, start, until) }, Self.find)
        return Stretch(rows, after: start, atMost: limit)
    }

    private static func bind(_ statement: Statement, _ start: JanitorWalk.Place, _ until: Instant) {
        statement.bind(start.at)
        statement.bind(start.number)
        statement.bind(until)
        statement.bind(Stretch.tasks)
    }

    private static func find(_ row: inout Row) throws -> (place: JanitorWalk.Place, find: FileFind?) {
        let place = JanitorWalk.Place(at: row.integer(), number: row.integer())
        let task = try row.id(GenerationTask.self)
        guard let slot = row.optional({ $0.int() }) else { return (place, nil) }
        let kind = row.optional { $0.text() }
        return (place, FileFind(task: task, slot: slot, kind: kind, file: row.optional { $0.text() }))
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

    /// The rows stay with their task and tell the story; the answer names files that no row speaks of any more.
    fileprivate func letGo(_ finds: [FileFind], at now: Instant) throws -> [String] {
        for find in finds {
            if let kind = find.kind {
                try database.run("UPDATE assets SET removed_at = ? WHERE task = ? AND slot = ? AND kind = ?") {
                    $0.bind(now)
                    $0.bind(find.task)
                    $0.bind(find.slot)
                    $0.bind(kind)
                }
            } else {
                try database.run("UPDATE inputs SET removed_at = ? WHERE task = ?") {
                    $0.bind(now)
                    $0.bind(find.task)
                }
            }
        }
        return try Set(finds.compactMap(\.file)).filter { try !isSpokenOf($0) }.sorted()
    }

    private func isSpokenOf(_ file: String) throws -> Bool {
        try database.one(
            """
            SELECT EXISTS (SELECT 1 FROM inputs WHERE sha256 = ?1 AND removed_at IS NULL)
                OR EXISTS (SELECT 1 FROM assets WHERE sha256 = ?1 AND sha256 IS NOT NULL AND removed_at IS NULL)
            """, { $0.bind(file) }
        ) { $0.int() == 1 } ?? false
    }

    fileprivate func removeEvents(_ events: [EventID]) throws -> Int {
        var count = 0
        for event in events {
            // Somebody may have asked for it once more since it was found.
            let isWaiting = try database.one(
                "SELECT 1 FROM deliveries WHERE event = ? AND state = 'pending'", { $0.bind(event) }, { $0.int() })
            guard isWaiting == nil else { continue }
            count += 1
            try database.run(
                "DELETE FROM delivery_attempts WHERE delivery IN (SELECT id FROM deliveries WHERE event = ?)"
            ) { $0.bind(event) }
            try database.run("DELETE FROM deliveries WHERE event = ?") { $0.bind(event) }
            try database.run("DELETE FROM events WHERE id = ?") { $0.bind(event) }
        }
        return count
    }

    fileprivate func removeTasks(_ tasks: [TaskID], _ cache: StatusCache) throws -> Int {
        for task in tasks {
            try database.run("DELETE FROM inputs WHERE task = ?") { $0.bind(task) }
            try database.run("DELETE FROM assets WHERE task = ?") { $0.bind(task) }
            try database.run("UPDATE slots SET attempt = NULL WHERE task = ? AND state <> 'finished'") { $0.bind(task) }
            try database.run("DELETE FROM attempts WHERE task = ?") { $0.bind(task) }
            try database.run("DELETE FROM slots WHERE task = ?") { $0.bind(task) }
            try database.run("DELETE FROM tasks WHERE id = ?") { $0.bind(task) }
            afterCommit { cache.remove(task) }
        }
        return tasks.count
    }
}

extension Database {
    fileprivate func oldEvents(before: Instant, limit: Int) throws -> [EventID] {
        try all(
            """
            SELECT id FROM events
             WHERE at < ?
               AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = events.id AND state = 'pending')
             ORDER BY at LIMIT ?
            """,
            {
                $0.bind(before)
                $0.bind(limit)
            }
        ) { try $0.id(Event.self) }
    }

    fileprivate func oldTasks(before: Instant, limit: Int) throws -> [TaskID] {
        try all(
            """
            SELECT id FROM tasks
             WHERE finished_at < ?
               AND NOT EXISTS (SELECT 1 FROM assets WHERE task = tasks.id AND removed_at IS NULL)
               AND NOT EXISTS (SELECT 1 FROM inputs WHERE task = tasks.id AND removed_at IS NULL)
             ORDER BY finished_at LIMIT ?
            """,
            {
                $0.bind(before)
                $0.bind(limit)
            }
        ) { try $0.id(GenerationTask.self) }
    }
}
