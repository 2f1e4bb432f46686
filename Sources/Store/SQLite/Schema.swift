import Domain
import Glibc
import Migrations

/// Brings a database to the newest schema: each migration in one transaction, known by its checksum.
enum Schema {
    static func refuseNewer(_ database: Database, path: String, migrations: [Migration] = Migration.all) throws {
        let (found, known) = (try database.version, migrations.last?.number ?? 0)
        guard found <= known else { throw StoreOpenError.newerSchema(found: found, known: known, path: path) }
    }

    @discardableResult
    static func migrate(
        _ database: Database, path: String, keepingCopy: Bool = true, migrations: [Migration] = Migration.all
    ) throws -> SchemaUpgrade {
        var upgrade = SchemaUpgrade()
        let version = try database.version
        upgrade.from = version
        if version > 0 { try compareChecksums(database, migrations) }
        let missing = migrations.filter { $0.number > version }
        guard !missing.isEmpty else { return upgrade }
        if version > 0, keepingCopy { upgrade.copy = try keepCopy(database, path: path, version: version) }
        for migration in missing {
            try database.begin {
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
            upgrade.applied.append(migration.title)
        }
        return upgrade
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
    private static func keepCopy(_ database: Database, path: String, version: Int) throws -> String {
        let copy = path + ".schema-\(version)"
        unlink(copy)
        try database.run("VACUUM INTO ?") { $0.bind(copy) }
        // A copy that a power cut can take away is no way back.
        let descriptor = Glibc.open(copy, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, fsync(descriptor) == 0, Glibc.close(descriptor) == 0 else {
            throw StoreOpenError.storage("could not keep \(copy): \(String(cString: strerror(errno)))")
        }
        DataDirectory.sync(DataDirectory.parent(of: copy))
        return copy
    }
}

extension Migration {
    var title: String { "\(number) \(name)" }
}

extension Database {
    var version: Int {
        get throws { try one("PRAGMA user_version") { $0.int() } ?? 0 }
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
