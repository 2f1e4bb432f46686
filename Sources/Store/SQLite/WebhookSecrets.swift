import Domain

// Signing secrets: sealed in their rows, and opened only to sign or to be shown once.

extension SQLiteStore {
    package func rotateSecret(
        _ id: EndpointID, to secret: WebhookSecret, overlapEnds: Instant, now: Instant
    ) async throws(StoreError) {
        let sealed = seal(secret)
        try await writer.write { transaction in
            let database = transaction.database
            guard let endpoint = try database.webhookEndpoint(id) else { throw StoreError.notFound }
            try database.run(
                "UPDATE webhook_secrets SET ends_at = ? WHERE account = ? AND endpoint = ? AND ends_at IS NULL"
            ) {
                $0.bind(overlapEnds)
                $0.bind(endpoint.account)
                $0.bind(id)
            }
            try database.insertSecret(secret, sealed: sealed, account: endpoint.account, endpoint: id)
            // Ended ones, and all but the ten youngest old ones, are of no use to anybody but a thief.
            try database.run(
                """
                DELETE FROM webhook_secrets
                 WHERE account = ?1 AND endpoint = ?2
                   AND (ends_at <= ?3 OR number NOT IN
                        (SELECT number FROM webhook_secrets WHERE account = ?1 AND endpoint = ?2
                          ORDER BY number DESC LIMIT 11))
                """
            ) {
                $0.bind(endpoint.account)
                $0.bind(id)
                $0.bind(now)
            }
        }
    }

    package func secrets(of endpoint: EndpointID, now: Instant) async throws(StoreError) -> [WebhookSecret] {
        let vault = vault
        return try await readers.read { database in
            guard let owner = try database.webhookEndpoint(endpoint) else { throw StoreError.notFound }
            return try database.webhookSecrets(account: owner.account, endpoint: endpoint, now: now, vault: vault)
        }
    }

    package func defaultSecret(
        of account: AccountID, make: @Sendable () -> WebhookSecret
    ) async throws(StoreError) -> WebhookSecret {
        let fresh = make()
        let (sealed, vault) = (seal(fresh), vault)
        return try await writer.write { transaction in
            let database = transaction.database
            let known = try database.webhookSecrets(account: account, endpoint: nil, now: fresh.createdAt, vault: vault)
            if let newest = known.first { return newest }
            try database.insertSecret(fresh, sealed: sealed, account: account, endpoint: nil)
            return fresh
        }
    }

    func seal(_ secret: WebhookSecret) -> [UInt8] {
        vault.seal(secret.bytes, context: Database.webhookSecretContext)
    }
}

extension Database {
    static let webhookSecretContext = "webhook secret"

    func insertSecret(_ secret: WebhookSecret, sealed: [UInt8], account: AccountID, endpoint: EndpointID?) throws {
        try run(
            """
            INSERT INTO webhook_secrets (account, endpoint, scheme, sealed, created_at, ends_at)
            VALUES (?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(account)
            $0.bind(endpoint)
            $0.bind(secret.scheme.rawValue)
            $0.bind(sealed)
            $0.bind(secret.createdAt)
            $0.bind(secret.endsAt)
        }
    }

    /// All that sign at `now`, newest first.
    func webhookSecrets(
        account: AccountID, endpoint: EndpointID?, now: Instant, vault: Vault
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
                scheme: try row.word(), bytes: try vault.open(row.bytes(), context: Self.webhookSecretContext),
                createdAt: row.instant(), endsAt: row.optional { $0.instant() })
        }
    }
}
