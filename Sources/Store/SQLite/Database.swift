import CSQLite

/// One connection. Not `Sendable`: it lives on one queue and is only ever lent inside a closure that cannot wait.
final class Database {
    enum Role {
        /// Writes, and is the only one that ever checkpoints.
        case writer
        /// Reads; SQLite itself refuses anything else.
        case reader
        /// Reads for a backup: `VACUUM INTO` is a write to `query_only`.
        case copier
    }

    let handle: OpaquePointer
    private var prepared: [UnsafePointer<UInt8>: Statement] = [:]
    /// Pages in the write-ahead log after the latest commit.
    private(set) var walPages = 0

    init(path: String, role: Role) throws {
        var handle: OpaquePointer?
        // NOMUTEX: a connection belongs to one queue, so SQLite's own locks would only cost.
        let access = role == .reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let code = sqlite3_open_v2(path, &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        guard let handle else { throw SQLiteFault(code: code, message: "no memory for a connection", errno: 0) }
        self.handle = handle
        guard code == SQLITE_OK else {
            let fault = SQLiteFault(code: code, message: String(cString: sqlite3_errmsg(handle)), errno: 0)
            sqlite3_close_v2(handle)
            throw fault
        }
        // First of all: recovery after an unclean stop can hold the file for a moment, and whatever comes
        // before this would fail with SQLITE_BUSY.
        sqlite3_busy_timeout(handle, 5000)
        // Ordinary SQL can no longer damage the file or its schema (sqlite.org/c3ref/c_dbconfig_defensive.html).
        _ = trellis_db_config(handle, Int32(SQLITE_DBCONFIG_DEFENSIVE), 1)
        // Functions with side effects cannot hide in triggers, views or CHECKs.
        _ = trellis_db_config(handle, Int32(SQLITE_DBCONFIG_TRUSTED_SCHEMA), 0)
        // A connection that closes does not checkpoint by itself: the writer does, when it means to.
        _ = trellis_db_config(handle, Int32(SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE), 1)
        try configure(role)
    }

    /// The settings of every connection, each with its reason.
    private func configure(_ role: Role) throws {
        // An I/O error in mapped memory is a signal that kills; in a read it is an error that can be told.
        try execute("PRAGMA mmap_size = 0")
        // No temporary files: one less thing that can fail, and nothing of a customer's is left behind.
        try execute("PRAGMA temp_store = MEMORY")
        // A damaged page is found when it is read, not after it has been believed.
        try execute("PRAGMA cell_size_check = ON")
        // Nobody but the writer checkpoints, and it does so by hand: two checkpointers are what SQLite's
        // WAL-reset bug needs (3.7.0 to 3.51.2).
        try execute("PRAGMA wal_autocheckpoint = 0")
        switch role {
        case .writer:
            try execute("PRAGMA foreign_keys = ON")
            // Without it, INSERT OR REPLACE deletes without asking a DELETE trigger.
            try execute("PRAGMA recursive_triggers = ON")
            // 32 MB of pages: the hot ends of all indexes with room to spare.
            try execute("PRAGMA cache_size = -32000")
            // A log that grew in a storm gives its space back when it starts over.
            try execute("PRAGMA journal_size_limit = 67108864")
        case .reader:
            try execute("PRAGMA query_only = ON")
            // 4 MB each: the system's own cache stands behind it.
            try execute("PRAGMA cache_size = -4000")
        case .copier:
            try execute("PRAGMA foreign_keys = ON")
        }
    }

    /// From here on it may write. Not before the file has been looked at: a damaged one, and one that a newer version
    /// wrote, must not be changed by so much as its journal mode.
    func beginWriting(_ synchronous: StoreOptions.Synchronous) throws {
        try execute("PRAGMA journal_mode = WAL")
        // NORMAL may lose an acknowledged commit at a power cut (sqlite.org/pragma.html#pragma_synchronous).
        try execute("PRAGMA synchronous = \(synchronous.rawValue)")
        sqlite3_wal_hook(
            handle,
            { database, _, _, pages in
                guard let database else { return SQLITE_OK }
                Unmanaged<Database>.fromOpaque(database).takeUnretainedValue().walPages = Int(pages)
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        for statement in prepared.values { statement.finalize() }
        sqlite3_close_v2(handle)
    }

    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }
    var changes: Int { Int(sqlite3_changes64(handle)) }
    /// All rows changed so far, by triggers too.
    var totalChanges: Int64 { sqlite3_total_changes64(handle) }

    /// What went wrong just now, outside a checkpoint: statements and commits write to the log only.
    var fault: SQLiteFault { fault(isOfLog: true) }

    /// Which file's `errno` counts depends on what was being written.
    func fault(isOfLog: Bool) -> SQLiteFault {
        let code = sqlite3_extended_errcode(handle)
        let errno =
            code & 0xFF == SQLITE_IOERR ? trellis_file_errno(handle, isOfLog ? 1 : 0) : sqlite3_system_errno(handle)
        return SQLiteFault(code: code, message: String(cString: sqlite3_errmsg(handle)), errno: errno)
    }

    /// Runs SQL without values or rows: pragmas, migrations.
    func execute(_ sql: String) throws {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw fault }
    }

    /// The compiled form of a literal, made once per connection. Known by the literal's address, which is cheaper
    /// to look up than its text.
    func statement(_ sql: StaticString) throws -> Statement {
        if let known = prepared[sql.utf8Start] { return known }
        let statement = try Statement(self, sql: sql.utf8Start, count: sql.utf8CodeUnitCount, isKept: true)
        prepared[sql.utf8Start] = statement
        return statement
    }

    /// Runs a statement to its end; answers how many rows it changed.
    @discardableResult
    func run(_ sql: StaticString, _ bind: (Statement) -> Void = { _ in }) throws -> Int {
        let statement = try statement(sql)
        defer { statement.reset() }
        bind(statement)
        while try statement.step() {}
        return changes
    }

    /// The first row, if there is one.
    func one<T>(_ sql: StaticString, _ bind: (Statement) -> Void = { _ in }, _ read: (inout Row) throws -> T) throws
        -> T?
    {
        let statement = try statement(sql)
        defer { statement.reset() }
        bind(statement)
        guard try statement.step() else { return nil }
        var row = Row(statement)
        return try read(&row)
    }

    /// All rows.
    func all<T>(_ sql: StaticString, _ bind: (Statement) -> Void = { _ in }, _ read: (inout Row) throws -> T) throws
        -> [T]
    {
        try all(try statement(sql), bind, read)
    }

    /// All rows of SQL that is put together at run time, from parts that are literals.
    func all<T>(composed sql: String, _ bind: (Statement) -> Void = { _ in }, _ read: (inout Row) throws -> T) throws
        -> [T]
    {
        let utf8 = Array(sql.utf8)
        let statement = try utf8.withUnsafeBufferPointer { buffer in
            guard let start = buffer.baseAddress else { throw StoreError.broken("no SQL") }
            return try Statement(self, sql: start, count: buffer.count, isKept: false)
        }
        defer { statement.finalize() }
        return try all(statement, bind, read)
    }

    private func all<T>(_ statement: Statement, _ bind: (Statement) -> Void, _ read: (inout Row) throws -> T) throws
        -> [T]
    {
        defer { statement.reset() }
        bind(statement)
        var rows: [T] = []
        while try statement.step() {
            var row = Row(statement)
            rows.append(try read(&row))
        }
        return rows
    }

    /// Hands every row to `read` as it comes, for results too large to hold.
    func each(_ sql: StaticString, _ bind: (Statement) -> Void = { _ in }, _ read: (inout Row) throws -> Void) throws {
        let statement = try statement(sql)
        defer { statement.reset() }
        bind(statement)
        while try statement.step() {
            var row = Row(statement)
            try read(&row)
        }
    }

    /// Several reads of one moment.
    func snapshot<T>(_ body: () throws -> T) throws -> T { try transaction("BEGIN", body) }

    /// Runs `body` in a transaction of its own; for what is done before the writer begins.
    func begin<T>(_ body: () throws -> T) throws -> T { try transaction("BEGIN IMMEDIATE", body) }

    private func transaction<T>(_ begin: StaticString, _ body: () throws -> T) throws -> T {
        try run(begin)
        do {
            let value = try body()
            try run("COMMIT")
            return value
        } catch {
            if isInTransaction { _ = try? run("ROLLBACK") }
            throw error
        }
    }
}
