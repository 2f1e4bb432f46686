import Domain
import Glibc
import Migrations

/// Brings a database to the newest schema: all that is missing in one transaction, each known by its checksum.
enum Schema {
    static func refuseNewer(_ database: Database, path: String, migrations: [Migration] = Migration.all) throws {
        let (found, known) = (try database.version, migrations.last?.number ?? 0)
        guard found <= known else { throw StoreOpenError.newerSchema(found: found, known: known, path: path) }
    }

    static func migrate(_ database: Database, path: String, migrations: [Migration] = Migration.all) throws {
        let version = try database.version
        if version > 0 { try compareChecksums(database, migrations) }
        let missing = migrations.filter { $0.number > version }
        guard !missing.isEmpty else { return }
        if version > 0 { try keepCopy(database, path: path, version: version) }
        // All or none: a database is never left between two versions.
        try database.begin { for migration in missing { try apply(migration, to: database) } }
    }

    private static func apply(_ migration: Migration, to database: Database) throws {
        try database.execute(String(decoding: migration.sql, as: UTF8.self))
        try database.execute(
            """
            CREATE TABLE IF NOT EXISTS migrations (
                number     INTEGER PRIMARY KEY,
                name       TEXT NOT NULL,
                sha256     BLOB NOT NULL CHECK (length(sha256) = 32),
                applied_at INTEGER NOT NULL
            ) STRICT
            """)
        try database.run("INSERT INTO migrations (number, name, sha256, applied_at) VALUES (?, ?, ?, ?)") {
            $0.bind(migration.number)
            $0.bind(migration.name)
            $0.bind(SHA256.digest(migration.sql))
            $0.bind(Int64(time(nil)) * 1000)
        }
        try database.execute("PRAGMA user_version = \(migration.number)")
    }

    private static func compareChecksums(_ database: Database, _ migrations: [Migration]) throws {
        let applied = try database.all("SELECT number, sha256 FROM migrations ORDER BY number") { row in
            (number: row.int(), sha256: row.bytes())
        }
        for (number, sha256) in applied {
            guard let migration = migrations.first(where: { $0.number == number }),
                SHA256.digest(migration.sql) == sha256
            else {
                throw StoreOpenError.otherSchema(
                    "migration \(number) in the database is not the one in this program: it comes from another build")
            }
        }
    }

    /// The way back, should the new version not please: a copy as it was before.
    private static func keepCopy(_ database: Database, path: String, version: Int) throws {
        let copy = path + ".schema-\(version)"
        unlink(copy)
        try database.run("VACUUM INTO ?") { $0.bind(copy) }
    }
}

extension Database {
    var version: Int {
        get throws { try one("PRAGMA user_version") { $0.int() } ?? 0 }
    }

    /// Runs `body` in a transaction of its own; for what is done before the writer begins.
    func begin<T>(_ body: () throws -> T) throws -> T {
        try run("BEGIN IMMEDIATE")
        do {
            let value = try body()
            try run("COMMIT")
            return value
        } catch {
            if isInTransaction { _ = try? run("ROLLBACK") }
            throw error
        }
    }

    /// Looks for damage before anything is written. Large files are looked through while work goes on: half a second
    /// a gigabyte is too long to be shut.
    func check(path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0, status.st_size <= 32 << 20 else { return }
        if let damage = try damage() { throw StoreOpenError.damaged(damage) }
    }

    /// The first thing that is wrong with the file, if anything is.
    func damage() throws -> String? {
        let found = try all("PRAGMA quick_check(1)") { $0.text() }
        return found == ["ok"] ? nil : found.first ?? "nothing can be read"
    }
}
