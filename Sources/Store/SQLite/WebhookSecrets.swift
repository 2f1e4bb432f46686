import Domain

// What signs deliveries: sealed, each bound to its owner, the newest first.

extension SQLiteStore {
    package func rotateSecret(
        _ id: EndpointID, to secret: WebhookSecret, overlapEnds: Instant, now: Instant, answer: KeptAnswer?
    ) async throws(StoreError) -> Replay? {
        try await writer.write { [vault] transaction in
            let database = transaction.database
            guard let endpoint = try database.endpoint(id) else { throw StoreError.notFound }
            if let earlier = try transaction.once(answer, account: endpoint.account, vault) { return earlier }
            // Those of earlier rotations too: who rotates because a secret is out may not know which.
            try database.run(
                "UPDATE webhook_secrets SET ends_at = ?1 WHERE endpoint = ?2 AND (ends_at IS NULL OR ends_at > ?1)"
            ) {
                $0.bind(overlapEnds)
                $0.bind(id)
            }
            // Ten old ones at most: every one of them makes each delivery's header longer.
            try database.run(
                """
                DELETE FROM webhook_secrets
                 WHERE endpoint = ?1
                   AND (ends_at <= ?2 OR number NOT IN (
                        SELECT number FROM webhook_secrets WHERE endpoint = ?1 ORDER BY number DESC LIMIT 10))
                """
            ) {
                $0.bind(id)
                $0.bind(now)
            }
            try transaction.insert(secret, of: endpoint.account, endpoint: id, vault)
            return nil
        }
    }

    package func scheme(of endpoint: EndpointID, account: AccountID) async throws(StoreError) -> WebhookSecret.Scheme {
        try await readers.read { database in
            let newest: WebhookSecret.Scheme? = try database.one(
                """
                SELECT scheme FROM webhook_secrets WHERE account = ? AND endpoint IS ? ORDER BY number DESC LIMIT 1
                """,
                {
                    $0.bind(account)
                    $0.bind(endpoint)
                }
            ) { try $0.word() }
            guard let newest else { throw StoreError.notFound }
            return newest
        }
    }

    package func defaultSecret(
        of account: AccountID, make: @Sendable () -> WebhookSecret
    ) async throws(StoreError) -> WebhookSecret {
        let known = try await readers.read { [vault] database in
            try database.secrets(of: account, endpoint: nil, now: Instant(milliseconds: 0), vault).first
        }
        if let known { return known }
        let made = make()
        return try await writer.write { [vault] transaction in
            // Somebody else may have been quicker.
            if let known = try transaction.database.secrets(
                of: account, endpoint: nil, now: Instant(milliseconds: 0), vault
            ).first {
                return known
            }
            try transaction.insert(made, of: account, endpoint: nil, vault)
            return made
        }
    }
}

extension Transaction {
    func insert(_ secret: WebhookSecret, of account: AccountID, endpoint: EndpointID?, _ vault: Vault) throws {
        try database.run(
            """
            INSERT INTO webhook_secrets (account, endpoint, scheme, sealed, created_at, ends_at)
            VALUES (?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(account)
            $0.bind(endpoint)
            $0.bind(secret.scheme.rawValue)
            $0.bind(vault.seal(secret.bytes, context: Self.context(account, endpoint)))
            $0.bind(secret.createdAt)
            $0.bind(secret.endsAt)
        }
    }

    /// A box opens only for the owner it was sealed for.
    static func context(_ account: AccountID, _ endpoint: EndpointID?) -> String {
        "webhook secret of \(endpoint.map(\.description) ?? account.description)"
    }
}

extension Database {
    /// All that sign at `now`, newest first. With no endpoint, the account's own.
    func secrets(
        of account: AccountID, endpoint: EndpointID?, now: Instant, _ vault: Vault
    ) throws -> [WebhookSecret] {
        try all(
            """
            SELECT scheme, sealed, created_at, ends_at FROM webhook_secrets
             WHERE account = ? AND endpoint IS ? AND (ends_at IS NULL OR ends_at > ?)
             ORDER BY number DESC
            """,
            {
                $0.bind(account)
                $0.bind(endpoint)
                $0.bind(now)
            }
        ) { row in
            WebhookSecret(
                scheme: try row.word(),
                bytes: try vault.open(row.bytes(), context: Transaction.context(account, endpoint)),
                createdAt: row.instant(), endsAt: row.optional { $0.instant() })
        }
    }
}
