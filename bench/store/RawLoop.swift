import CSQLite
import Domain
import Glibc
import Migrations

/// What SQLite itself can do: the product's schema and the statements of one submit, prepared once, bound and stepped
/// in a loop on one thread. No queue, no savepoints, no hash, no JSON.
final class RawLoop {
    private var database: OpaquePointer?
    private let path: String
    private var statements: [OpaquePointer?] = []
    private var sequence: Int64 = 0

    private static let sql = [
        """
        SELECT fingerprint, task, answer,
               expires_at > ? OR EXISTS (SELECT 1 FROM tasks WHERE id = idempotency.task AND finished_at IS NULL)
          FROM idempotency WHERE account = ? AND endpoint = ? AND key = ?
        """,
        "SELECT open_tasks, low_balance FROM accounts WHERE id = ?",
        "SELECT id, balance, postings FROM ledger_accounts WHERE owner = ?",
        """
        INSERT INTO tasks (id, account, key, state, progress, request, adjustments, created_at, deadline, start_by,
                           version)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        """
        INSERT INTO slots (task, slot, account, priority, state, due_at, seed, model_credits, thumbnail_credits)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        "SELECT id, balance, postings FROM ledger_accounts WHERE owner = ?",
        "SELECT id, balance, postings FROM ledger_accounts WHERE id = ?",
        "SELECT sequence, hash FROM postings ORDER BY sequence DESC LIMIT 1",
        """
        INSERT INTO postings (sequence, kind, from_account, to_account, wallet, amount, task, slot, item, reference,
                              at, from_sequence, from_balance, to_sequence, to_balance, hash)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        """
        INSERT INTO idempotency (account, endpoint, key, fingerprint, task, answer, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
    ]

    private enum Value {
        case integer(Int64)
        case text([UInt8])
        case blob([UInt8])
        case null
    }

    init(directory: String) throws {
        path = "\(directory)/bench-raw-\(getpid())-\(UInt32.random(in: 0 ... .max)).db"
        sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nil)
        for pragma in [
            "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "recursive_triggers = ON",
            "cache_size = -32000", "temp_store = MEMORY", "mmap_size = 0",
        ] { sqlite3_exec(database, "PRAGMA \(pragma)", nil, nil, nil) }
        for migration in Migration.all {
            sqlite3_exec(database, String(decoding: migration.sql, as: UTF8.self), nil, nil, nil)
        }
        for sql in Self.sql {
            var statement: OpaquePointer?
            guard sqlite3_prepare_v3(database, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil) == SQLITE_OK
            else { fatalError(String(cString: sqlite3_errmsg(database))) }
            statements.append(statement)
        }
    }

    /// Submits a second.
    func run(seconds: Double, batch: Int) throws -> Double {
        defer {
            for statement in statements { sqlite3_finalize(statement) }
            sqlite3_close_v2(database)
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        }
        let account = AccountID.new(at: Workshop.start).bytes
        let key = KeyID.new(at: Workshop.start).bytes
        prepareCustomer(account, key)
        let request = Array(
            """
            {"image_url":"https://example.com/pictures/of/a/chair-in-the-garden.png","parameters":{"resolution":1024,\
            "seed":123456789,"steps":12,"decimation_target":1000000,"textures":true,"texture_size":2048},"fallback":true,\
            "on_unsupported":"refuse","response_format":"url","include_cost":false,"metadata":{"order":"4711",\
            "shop":"garden"},"priority":"normal"}
            """.utf8)
        let start = Workshop.seconds
        var count = 0
        while Workshop.seconds - start < seconds {
            sqlite3_exec(database, "BEGIN IMMEDIATE", nil, nil, nil)
            for _ in 0..<batch { submit(account, key, request) }
            guard sqlite3_exec(database, "COMMIT", nil, nil, nil) == SQLITE_OK else {
                fatalError(String(cString: sqlite3_errmsg(database)))
            }
            count += batch
        }
        return Double(count) / (Workshop.seconds - start)
    }

    private func prepareCustomer(_ account: [UInt8], _ key: [UInt8]) {
        func hex(_ bytes: [UInt8]) -> String {
            let digits = Array("0123456789abcdef")
            return bytes.map { "\(digits[Int($0 >> 4)])\(digits[Int($0 & 15)])" }.joined()
        }
        let hash = String(repeating: "00", count: 32)
        let sql = """
            INSERT INTO accounts (id, name, created_at) VALUES (x'\(hex(account))', 'bench', 0);
            INSERT INTO api_keys (id, account, label, scope, token_hash, last_four, created_at)
                 VALUES (x'\(hex(key))', x'\(hex(account))', '', 'user', x'\(hash)', '1234', 0);
            INSERT INTO ledger_accounts (id, kind, name, owner) VALUES (4, 'wallet', 'wallet:bench', x'\(hex(account))');
            INSERT INTO postings VALUES (1, 'grant', 1, 4, 4, 1000000000000, NULL, NULL, NULL, 'start', 0, 1,
                                         -1000000000000, 1, 1000000000000, x'\(hash)');
            """
        guard sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK else {
            fatalError(String(cString: sqlite3_errmsg(database)))
        }
        sequence = 1
    }

    private func submit(_ account: [UInt8], _ key: [UInt8], _ request: [UInt8]) {
        let now = Workshop.now
        let id = TaskID.new(at: now)
        let task = Value.blob(id.bytes)
        let name = Value.text(Array(id.description.utf8))
        let endpoint = Value.text(Array("POST /v1/3d-models/trellis2/generate".utf8))
        let moment = Value.integer(now.milliseconds)
        step(0, [moment, .blob(account), endpoint, name])
        step(1, [.blob(account)])
        step(2, [.blob(account)])
        step(
            3,
            [
                task, .blob(account), .blob(key), .text(Array("queued".utf8)), .integer(0), .text(request), .null,
                moment,
                .integer(now.milliseconds + 1_800_000), .null, .integer(1),
            ])
        step(
            4,
            [
                task, .integer(0), .blob(account), .integer(0), .text(Array("queued".utf8)), moment, .integer(7),
                .integer(30), .null,
            ])
        step(5, [.blob(account)])
        step(6, [.integer(2)])
        step(7, [])
        let held = sequence * 30
        sequence += 1
        step(
            8,
            [
                .integer(sequence), .text(Array("hold".utf8)), .integer(4), .integer(2), .integer(4), .integer(30),
                task,
                .integer(0), .text(Array("model".utf8)), .null, moment, .integer(sequence),
                .integer(1_000_000_000_000 - held), .integer(sequence - 1), .integer(held), .blob(Workshop.fingerprint),
            ])
        step(
            9,
            [
                .blob(account), endpoint, name, .blob(Workshop.fingerprint), task, .blob(Workshop.answer),
                .integer(now.milliseconds + 604_800_000),
            ])
    }

    private func step(_ index: Int, _ values: [Value]) {
        let statement = statements[index]
        for (place, value) in values.enumerated() {
            let place = Int32(place + 1)
            switch value {
            case .integer(let number): sqlite3_bind_int64(statement, place, number)
            case .text(let bytes):
                bytes.withUnsafeBytes { buffer in
                    _ = trellis_bind_text(
                        statement, place, buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count))
                }
            case .blob(let bytes):
                bytes.withUnsafeBytes { _ = trellis_bind_blob(statement, place, $0.baseAddress, Int32($0.count)) }
            case .null: sqlite3_bind_null(statement, place)
            }
        }
        let code = sqlite3_step(statement)
        guard code == SQLITE_ROW || code == SQLITE_DONE else { fatalError(String(cString: sqlite3_errmsg(database))) }
        sqlite3_reset(statement)
    }
}
