import Domain

// Keys: the token is shown once, and only its SHA-256 is written.

extension SQLiteStore {
    package func authenticate(_ token: UnsafeBufferPointer<UInt8>, now: Instant) -> Authentication {
        keyTable.authenticate(token, now: now)
    }

    package func createKey(
        for account: AccountID, scope: Scope, label: String, expiresAt: Instant?, spendCap: Credits?, now: Instant
    ) async throws(StoreError) -> (key: APIKey, token: String) {
        if let spendCap, spendCap <= .zero || spendCap.amount > Credits.limit {
            throw .refused("a spend cap is a whole number from 1 to \(Credits.limit); got \(spendCap)")
        }
        return try await writer.write { [keyTable] transaction in
            guard try transaction.database.account(account) != nil else { throw StoreError.notFound }
            let new = NewKey(
                account: account, scope: scope, label: label, expiresAt: expiresAt, spendCap: spendCap, now: now)
            try transaction.insert(new, into: keyTable)
            return (key: new.key, token: new.token)
        }
    }

    package func keys(of account: AccountID) async throws(StoreError) -> [APIKey] {
        try await readers.read { database in
            try database.all(
                """
                SELECT id, account, label, scope, last_four, created_at, expires_at, revoked_at, last_used_at, spend_cap
                  FROM api_keys WHERE account = ? ORDER BY id
                """, { $0.bind(account) }, Database.key)
        }
    }

    package func revokeKey(_ id: KeyID, now: Instant) async throws(StoreError) {
        try await writer.write { [keyTable] transaction in
            // The first revocation is the one that counts.
            let changed = try transaction.database.run(
                "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"
            ) {
                $0.bind(now)
                $0.bind(id)
            }
            guard changed == 1 else { throw StoreError.notFound }
            transaction.afterCommit { keyTable.change(id) { $0.revokedAt = $0.revokedAt ?? now } }
        }
    }

    package func rotateKey(
        _ id: KeyID, overlapEnds: Instant, now: Instant
    ) async throws(StoreError) -> (key: APIKey, token: String) {
        try await writer.write { [keyTable] transaction in
            let database = transaction.database
            guard let old = try database.key(id) else { throw StoreError.notFound }
            guard old.revokedAt == nil, old.expiresAt.map({ $0 > now }) ?? true else {
                throw StoreError.refused("a key that has ended cannot be rotated: create a new one")
            }
            let ends = min(overlapEnds, old.expiresAt ?? overlapEnds)
            try database.run("UPDATE api_keys SET expires_at = ? WHERE id = ?") {
                $0.bind(ends)
                $0.bind(id)
            }
            let new = NewKey(
                account: old.account, scope: old.scope, label: old.label, expiresAt: old.expiresAt,
                spendCap: old.spendCap, now: now)
            // One cap for both: it is neither begun again by changing the key nor doubled while the two overlap.
            let budget = old.spendCap == nil ? nil : try database.budget(of: id)
            try transaction.insert(new, budget: budget, into: keyTable)
            transaction.afterCommit { keyTable.change(id) { $0.expiresAt = ends } }
            return (key: new.key, token: new.token)
        }
    }

    package func recordKeyUse() async throws(StoreError) {
        // In the order of their rows and a few at a time: nobody's submit waits for ten thousand of them.
        var uses = keyTable.takeUses().sorted { $0.key < $1.key }[...]
        while !uses.isEmpty {
            let some = Array(uses.prefix(250))
            uses.removeFirst(some.count)
            try await writer.write { transaction in
                for (id, instant) in some {
                    try transaction.database.run(
                        "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?"
                    ) {
                        $0.bind(instant)
                        $0.bind(id)
                    }
                }
            }
        }
    }
}

/// A key that is about to be written, with the token nobody will see again.
private struct NewKey {
    let key: APIKey
    let token: String
    let hash: SHA256.Words
    let hashBytes: [UInt8]

    init(account: AccountID, scope: Scope, label: String, expiresAt: Instant?, spendCap: Credits?, now: Instant) {
        var random = SystemRandomNumberGenerator()
        token = KeyToken.make(scope, random: &random)
        hashBytes = SHA256.digest(Array(token.utf8))
        hash = Array(token.utf8).withUnsafeBufferPointer(SHA256.words)
        key = APIKey(
            id: .new(at: now), account: account, label: label, scope: scope, lastFour: String(token.suffix(4)),
            createdAt: now, expiresAt: expiresAt, spendCap: spendCap)
    }
}

extension Transaction {
    fileprivate func insert(_ new: NewKey, budget: KeyID? = nil, into keyTable: KeyTable) throws {
        let key = new.key
        try database.run(
            """
            INSERT INTO api_keys (id, account, label, scope, token_hash, last_four, created_at, expires_at, spend_cap, budget)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(key.id)
            $0.bind(key.account)
            $0.bind(key.label)
            $0.bind(key.scope.rawValue)
            $0.bind(new.hashBytes)
            $0.bind(key.lastFour)
            $0.bind(key.createdAt)
            $0.bind(key.expiresAt)
            $0.bind(key.spendCap)
            $0.bind(budget)
        }
        afterCommit { keyTable.put(key, hash: new.hash) }
    }
}

extension Database {
    /// The key whose `spent` counts for this one.
    func budget(of id: KeyID) throws -> KeyID {
        let first = try one("SELECT budget FROM api_keys WHERE id = ?", { $0.bind(id) }) { row in
            try row.optional { try $0.id(APIKey.self) }
        }
        return (first ?? nil) ?? id
    }

    fileprivate func key(_ id: KeyID) throws -> APIKey? {
        try one(
            """
            SELECT id, account, label, scope, last_four, created_at, expires_at, revoked_at, last_used_at, spend_cap
              FROM api_keys WHERE id = ?
            """, { $0.bind(id) }, Self.key)
    }

    fileprivate static func key(_ row: inout Row) throws -> APIKey {
        var key = APIKey(
            id: try row.id(), account: try row.id(), label: row.text(), scope: try row.word(), lastFour: row.text(),
            createdAt: row.instant())
        key.expiresAt = row.optional { $0.instant() }
        key.revokedAt = row.optional { $0.instant() }
        key.lastUsedAt = row.optional { $0.instant() }
        key.spendCap = row.optional { $0.credits() }
        return key
    }

    /// Everything authentication needs, once at start.
    func load(_ table: KeyTable) throws {
        try each(
            "SELECT owner, balance FROM ledger_accounts WHERE kind = 'wallet'"
        ) { row in table.set([(account: try row.id(), balance: row.credits())]) }
        var after: AccountID?
        while case let accounts = try accounts(after: after, limit: 1000), let last = accounts.last {
            for account in accounts { table.put(account) }
            after = last.id
        }
        try each(
            """
            SELECT id, account, label, scope, last_four, created_at, expires_at, revoked_at, last_used_at, spend_cap,
                   token_hash
              FROM api_keys
            """
        ) { row in
            let key = try Self.key(&row)
            guard let hash = SHA256.Words(row.bytes()) else { throw StoreError.broken("a key's hash is not one") }
            table.put(key, hash: hash)
        }
    }
}
