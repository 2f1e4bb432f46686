import Domain

@testable import Store

/// A store whose file somebody has been at, with all triggers dropped, as an operator with a shell could.
enum Tampered {
    /// `before`: what is done properly, beside two tasks of 30 credits each; `alter` and `sql`: what is not.
    static func with(
        _ sql: String = "", before: (Shop) async throws -> Void = { _ in },
        alter: (Database) throws -> Void = { _ in }, _ body: (SQLiteStore) async throws -> Void
    ) async throws {
        let directory = Shop.temporaryDirectory()
        defer { Shop.remove(directory) }
        let store = try SQLiteStore.open(directory: directory, rendering: Shop.rendering)
        let account = try await store.createAccount(named: "acme", limits: .init(), now: Shop.start)
        let key = try await store.createKey(
            for: account.id, scope: .user, label: "", expiresAt: nil, spendCap: nil, now: Shop.start
        ).key
        let shop = Shop(store: store, directory: directory, account: account.id, key: key.id, token: "")
        _ = try await store.grant(1000, to: account.id, reference: "start", now: Shop.start)
        try await shop.submit(shop.task())
        try await shop.submit(shop.task(at: Shop.start + .seconds(1)))
        try await before(shop)
        await store.close()
        let database = try Database(path: directory + "/gateway.db", role: .copier)
        try database.execute("PRAGMA foreign_keys = OFF")
        let triggers = try database.all("SELECT name FROM sqlite_schema WHERE type = 'trigger'") { $0.text() }
        for trigger in triggers { try database.execute("DROP TRIGGER \(trigger)") }
        try alter(database)
        if !sql.isEmpty { try database.execute(sql) }
        let again = try SQLiteStore.open(directory: directory, rendering: Shop.rendering)
        try await body(again)
        await again.close()
    }
}
