import Domain

// Answers of POSTs beside submits, under their Idempotency-Key. They lie in the table of the submits' own, without a
// task, and sealed: some show a secret, which a stolen copy of the database must not tell.

extension SQLiteStore {
    package func keptAnswer(
        _ key: IdempotencyKey, account: AccountID, now: Instant
    ) async throws(StoreError) -> Replay? {
        try await readers.read { [vault] database in
            guard let found = try database.stored(key, account: account, now: now), found.isAlive else { return nil }
            return try found.replay.opened(vault, key, account)
        }
    }
}

extension Transaction {
    /// Called first in a transaction: the earlier answer, after which nothing is to be done, or nil, with this
    /// answer noted.
    func once(_ answer: KeptAnswer?, account: AccountID, _ vault: Vault) throws -> Replay? {
        guard let answer else { return nil }
        let key = answer.key
        if let found = try database.stored(key, account: account, now: answer.at) {
            if found.isAlive { return try found.replay.opened(vault, key, account) }
            try forget(key, account: account)
        }
        try database.run(
            """
            INSERT INTO idempotency (account, endpoint, key, fingerprint, task, answer, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(account)
            $0.bind(key.endpoint)
            $0.bind(key.key)
            $0.bind(key.fingerprint)
            $0.bind(TaskID(high: 0, low: 0))
            $0.bind(vault.seal(answer.body, context: Replay.context(key, account)))
            $0.bind(key.expiresAt)
        }
        return nil
    }
}

extension Replay {
    /// A box opens only for the key and the account it was sealed under.
    fileprivate static func context(_ key: IdempotencyKey, _ account: AccountID) -> String {
        "answer to \(account) of \(key.endpoint) under \(key.key)"
    }

    fileprivate func opened(
        _ vault: Vault, _ key: IdempotencyKey, _ account: AccountID
    ) throws(StoreError) -> Replay {
        guard case .answer(let task, let body) = self else { return self }
        return .answer(task: task, body: try vault.open(body, context: Self.context(key, account)))
    }
}
