import Domain
import Glibc
import Migrations
import Testing

@testable import Store

@Suite struct OpeningTests {
    private func file(_ directory: String) -> String { SourceText.read(directory + "/gateway.db") }

    @Test func `fault 53: a second instance on the same data is refused, and told who has it`() async throws {
        try await Shop.with { shop in
            #expect(throws: StoreOpenError.locked(pid: getpid(), path: shop.directory)) {
                try SQLiteStore.open(directory: shop.directory, rendering: Shop.rendering)
            }
            try await shop.submit(shop.task())
        }
    }

    @Test func `fault 57: a newer schema is refused and not touched`() async throws {
        try await Shop.with { shop in
            await shop.store.close()
            try shop.sqlite("PRAGMA user_version = 99")
            let before = file(shop.directory)
            #expect(
                throws: StoreOpenError.newerSchema(
                    found: 99, known: Migration.all.count, path: shop.directory + "/gateway.db")
            ) { try SQLiteStore.open(directory: shop.directory, rendering: Shop.rendering) }
            #expect(file(shop.directory) == before)
            try shop.sqlite("PRAGMA user_version = \(Migration.all.count)")
        } then: {
            try await $0.reopened()
        }
    }

    @Test func `fault 56: a damaged page is refused and not touched`() async throws {
        let directory = Shop.temporaryDirectory()
        defer { Shop.remove(directory) }
        await (try SQLiteStore.open(directory: directory, rendering: Shop.rendering)).close()
        for page in [0, 3, 7] {
            let path = directory + "/gateway.db"
            let good = try #require(Bytes.read(path))
            var bad = good
            for index in 0..<512 { bad[page * 4096 + index] = 0xA5 }
            Bytes.write(bad, to: path)
            #expect(throws: StoreOpenError.self) {
                try SQLiteStore.open(directory: directory, rendering: Shop.rendering)
            }
            #expect(Bytes.read(path) == bad)
            Bytes.write(good, to: path)
        }
        await (try SQLiteStore.open(directory: directory, rendering: Shop.rendering)).close()
    }

    @Test func `a migration that is not the one in this program is refused`() async throws {
        try await Shop.with { shop in
            await shop.store.close()
            try shop.sqlite("UPDATE migrations SET sha256 = zeroblob(32) WHERE number = 2")
            #expect(throws: StoreOpenError.self) {
                try SQLiteStore.open(directory: shop.directory, rendering: Shop.rendering)
            }
            let sha256 = Hexadecimal.text(SHA256.digest(Migration.all[1].sql))
            try shop.sqlite(
                "UPDATE migrations SET sha256 = x'\(String(decoding: sha256, as: UTF8.self))' WHERE number = 2")
        } then: {
            try await $0.reopened()
        }
    }

    @Test func `an older schema is brought up to date, and a copy of it kept`() async throws {
        let directory = Shop.temporaryDirectory()
        defer { Shop.remove(directory) }
        let path = directory + "/gateway.db"
        let older = try Database(path: path, role: .writer)
        try older.beginWriting(.full)
        try Schema.migrate(older, path: path, migrations: Array(Migration.all.dropLast()))
        let store = try SQLiteStore.open(directory: directory, rendering: Shop.rendering)
        #expect(try await store.readers.read { try $0.version } == Migration.all.count)
        await store.close()
        let copy = try Database(path: path + ".schema-\(Migration.all.count - 1)", role: .copier)
        #expect(try copy.version == Migration.all.count - 1)
    }

    @Test func `a migration that fails leaves the schema as it was`() throws {
        let directory = Shop.temporaryDirectory()
        defer { Shop.remove(directory) }
        let path = directory + "/gateway.db"
        let database = try Database(path: path, role: .writer)
        try database.beginWriting(.full)
        let nonsense = Array("CREATE TABLE half (a) STRICT; NONSENSE".utf8)
        let bad = Migration(number: Migration.all.count + 1, name: "bad", sql: nonsense)
        #expect(throws: (any Error).self) {
            try Schema.migrate(database, path: path, migrations: Migration.all + [bad])
        }
        #expect(try database.version == Migration.all.count)
        #expect(try database.one("SELECT count(*) FROM sqlite_schema WHERE name = 'half'") { $0.int() } == 0)
    }

    @Test func `each start counts, and finds what an older one left in the middle of a submit`() async throws {
        try await Shop.with { shop in
            #expect(shop.store.boot == 1)
            let task = try await shop.submit(shop.task())
            _ = try await shop.store.apply(
                .began(shop.attempt(boot: shop.store.boot)), to: .init(task: task.id, slot: 0, attempt: nil),
                at: Shop.start)
            #expect(try await shop.store.orphans(before: shop.store.boot, limit: 9).isEmpty)
        } then: { shop in
            let again = try await shop.reopened()
            #expect(again.boot == 2)
            #expect(try await again.orphans(before: again.boot, limit: 9).map(\.index) == [0])
            return again
        }
    }

    @Test func `every table is strict, and every setting is as it should be`() async throws {
        try await Shop.with { shop in
            let store = shop.store
            let loose = try await store.readers.read { database in
                try database.all(
                    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0"
                ) { $0.text() }
            }
            #expect(loose.filter { !$0.hasPrefix("sqlite_") }.isEmpty)
            let settings = try await store.writer.write { transaction in
                let database = transaction.database
                return [
                    try database.one("PRAGMA journal_mode") { $0.text() },
                    try database.one("PRAGMA synchronous") { $0.text() },
                    try database.one("PRAGMA foreign_keys") { $0.text() },
                    try database.one("PRAGMA recursive_triggers") { $0.text() },
                    try database.one("PRAGMA mmap_size") { $0.text() },
                    try database.one("PRAGMA wal_autocheckpoint") { $0.text() },
                ]
            }
            #expect(settings == ["wal", "2", "1", "1", "0", "0"])
            await #expect(throws: StoreError.self) {
                try await store.readers.read { try $0.execute("DELETE FROM meta") }
            }
        }
    }

    @Test(arguments: [
        (3_006_999, false), (3_007_000, true), (3_040_001, true), (3_044_005, true), (3_044_006, false),
        (3_045_000, true),
        (3_050_006, true), (3_050_007, false), (3_051_002, true), (3_051_003, false), (3_053_000, false),
    ])
    func `which versions have the WAL-reset bug`(version: Int, has: Bool) {
        #expect(SQLiteLibrary.hasWALResetBug(version) == has)
    }
}

/// Whole files.
enum Bytes {
    static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    static func write(_ bytes: [UInt8], to path: String) {
        guard let file = fopen(path, "w") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}
