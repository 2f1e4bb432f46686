import Domain
import JSON

// Accounts: a row, and a wallet in the ledger that begins empty.

extension SQLiteStore {
    package func createAccount(
        named name: String, limits: AccountLimits, now: Instant
    ) async throws(StoreError) -> Account {
        guard (1...200).contains(name.utf8.count) else {
            throw .refused("an account's name has 1 to 200 bytes; this one has \(name.utf8.count)")
        }
        let account = Account(id: .new(at: now), name: name, createdAt: now, limits: limits)
        return try await writer.write { [keyTable] transaction in
            let database = transaction.database
            guard try database.account(named: name) == nil else {
                throw StoreError.alreadyExists("an account called \(name)")
            }
            try database.run(
                """
                INSERT INTO accounts (id, name, created_at, requests_per_minute, concurrent_tasks, providers, low_balance)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
            ) {
                $0.bind(account.id)
                $0.bind(name)
                $0.bind(now)
                $0.bind(limits)
            }
            try database.run(
                "INSERT INTO ledger_accounts (id, kind, name, owner) SELECT max(id) + 1, 'wallet', ?, ? FROM ledger_accounts"
            ) {
                $0.bind(LedgerAccount.wallet(account.id).name)
                $0.bind(account.id)
            }
            transaction.note(balance: .zero, of: account.id)
            transaction.afterCommit { keyTable.put(account) }
            return account
        }
    }

    package func account(_ id: AccountID) async throws(StoreError) -> Account? {
        try await readers.read { try $0.account(id) }
    }

    package func account(named name: String) async throws(StoreError) -> Account? {
        try await readers.read { try $0.account(named: name) }
    }

    package func accounts(cursor: String?, limit: Int) async throws(StoreError) -> Page<Account> {
        let after = try cursor.map(Cursor.id(Account.self))
        return try await readers.read { database in
            let limit = Cursor.bounded(limit)
            let accounts = try database.accounts(after: after, limit: limit + 1)
            return Page(of: accounts, limit: limit) { $0.id.description }
        }
    }

    package func setLimits(
        _ limits: AccountLimits, of account: AccountID, now: Instant
    ) async throws(StoreError) {
        try await change(account) { database in
            try database.run(
                """
                UPDATE accounts SET requests_per_minute = ?, concurrent_tasks = ?, providers = ?, low_balance = ?
                 WHERE id = ?
                """
            ) {
                $0.bind(limits)
                $0.bind(account)
            }
        }
    }

    package func setDisabled(_ disabled: Bool, account: AccountID, now: Instant) async throws(StoreError) {
        try await change(account) { database in
            try database.run("UPDATE accounts SET disabled_at = ? WHERE id = ?") {
                $0.bind(disabled ? now : nil)
                $0.bind(account)
            }
        }
    }

    private func change(
        _ account: AccountID, _ change: @escaping @Sendable (Database) throws -> Int
    ) async throws(StoreError) {
        try await writer.write { [keyTable] transaction in
            guard try change(transaction.database) == 1, let account = try transaction.database.account(account) else {
                throw StoreError.notFound
            }
            transaction.afterCommit { keyTable.put(account) }
        }
    }
}

extension Statement {
    fileprivate func bind(_ limits: AccountLimits) {
        bind(limits.requestsPerMinute)
        bind(limits.concurrentTasks)
        // None at all is a list of none, and not every provider.
        bind(text: limits.providers?.listed())
        bind(limits.lowBalance)
    }
}

extension Database {
    func account(_ id: AccountID) throws -> Account? {
        try one(
            """
            SELECT id, name, created_at, disabled_at, requests_per_minute, concurrent_tasks, providers, low_balance
              FROM accounts WHERE id = ?
            """, { $0.bind(id) }, Self.account)
    }

    func account(named name: String) throws -> Account? {
        try one(
            """
            SELECT id, name, created_at, disabled_at, requests_per_minute, concurrent_tasks, providers, low_balance
              FROM accounts WHERE name = ?
            """, { $0.bind(name) }, Self.account)
    }

    /// Oldest first.
    func accounts(after: AccountID?, limit: Int) throws -> [Account] {
        try all(
            """
            SELECT id, name, created_at, disabled_at, requests_per_minute, concurrent_tasks, providers, low_balance
              FROM accounts WHERE id > ? ORDER BY id LIMIT ?
            """,
            {
                $0.bind(after ?? AccountID(high: 0, low: 0))
                $0.bind(limit)
            }, Self.account)
    }

    private static func account(_ row: inout Row) throws -> Account {
        var account = Account(id: try row.id(), name: row.text(), createdAt: row.instant())
        account.disabledAt = row.optional { $0.instant() }
        account.limits = AccountLimits(
            requestsPerMinute: row.optional { $0.int() }, concurrentTasks: row.optional { $0.int() },
            providers: try row.optional { try [ProviderID](encoded: $0.bytes()) },
            lowBalance: row.optional { $0.credits() })
        return account
    }
}

/// Where the next page of a list begins, as text that clients hand back unread.
enum Cursor {
    static func id<Thing>(_: Thing.Type) -> (String) throws(StoreError) -> Identifier<Thing> {
        { text throws(StoreError) in
            guard let id = Identifier<Thing>(text) else { throw .refused("no such cursor: \(text.prefix(64))") }
            return id
        }
    }

    static func number(_ text: String) throws(StoreError) -> Int64 {
        guard let number = Int64(text) else { throw .refused("no such cursor: \(text.prefix(64))") }
        return number
    }

    /// A page is read into memory whole.
    static func bounded(_ limit: Int) -> Int { min(max(1, limit), 1000) }
}

extension Page {
    /// From one row more than the page has, so that it is known whether there is another.
    init(of rows: [Item], limit: Int, cursor: (Item) -> String) {
        let items = Array(rows.prefix(limit))
        self.init(items: items, next: rows.count > limit ? items.last.map(cursor) : nil)
    }
}
