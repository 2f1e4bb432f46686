import Domain
import JSON

// Where accounts want to be told: rows their owners change, never removed while a delivery speaks of them.

extension SQLiteStore {
    package func createEndpoint(_ endpoint: WebhookEndpoint, secret: WebhookSecret) async throws(StoreError) {
        let sealed = seal(secret)
        try await writer.write { transaction in
            try transaction.database.run(
                """
                INSERT INTO webhook_endpoints
                    (id, account, url, description, kinds, headers, requests_per_second, concurrency, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
            ) {
                $0.bind(endpoint.id)
                $0.bind(endpoint.account)
                $0.bindSettings(of: endpoint)
                $0.bind(endpoint.createdAt)
            }
            try transaction.database.insertSecret(
                secret, sealed: sealed, account: endpoint.account, endpoint: endpoint.id)
        }
    }

    package func endpoints(of account: AccountID) async throws(StoreError) -> [WebhookEndpoint] {
        try await readers.read { database in
            try database.all(
                """
                SELECT id, account, url, description, kinds, headers, requests_per_second, concurrency, created_at,
                       disabled_at, disabled_reason, failing_since
                  FROM webhook_endpoints
                 WHERE account = ? AND deleted_at IS NULL
                 ORDER BY id
                """, { $0.bind(account) }, { try WebhookEndpoint(row: &$0) })
        }
    }

    package func endpoint(
        _ id: EndpointID, account: AccountID
    ) async throws(StoreError) -> WebhookEndpoint? {
        let endpoint = try await readers.read { database in try database.webhookEndpoint(id) }
        return endpoint?.account == account ? endpoint : nil
    }

    package func updateEndpoint(_ endpoint: WebhookEndpoint) async throws(StoreError) {
        try await writer.write { transaction in
            let changed = try transaction.database.run(
                """
                UPDATE webhook_endpoints
                   SET url = ?, description = ?, kinds = ?, headers = ?, requests_per_second = ?, concurrency = ?
                 WHERE id = ? AND account = ? AND deleted_at IS NULL
                """
            ) {
                $0.bindSettings(of: endpoint)
                $0.bind(endpoint.id)
                $0.bind(endpoint.account)
            }
            guard changed == 1 else { throw StoreError.notFound }
            // What waits goes to where the owner wants it now.
            try transaction.database.run("UPDATE deliveries SET url = ? WHERE endpoint = ? AND state = 'pending'") {
                $0.bind(endpoint.url)
                $0.bind(endpoint.id)
            }
        }
    }

    package func deleteEndpoint(_ id: EndpointID, account: AccountID, now: Instant) async throws(StoreError) {
        try await writer.write { transaction in
            let changed = try transaction.database.run(
                "UPDATE webhook_endpoints SET deleted_at = ? WHERE id = ? AND account = ? AND deleted_at IS NULL"
            ) {
                $0.bind(now)
                $0.bind(id)
                $0.bind(account)
            }
            guard changed == 1 else { throw StoreError.notFound }
            try transaction.database.run("DELETE FROM webhook_secrets WHERE account = ? AND endpoint = ?") {
                $0.bind(account)
                $0.bind(id)
            }
            try transaction.database.run(
                """
                UPDATE deliveries SET state = 'abandoned', due_at = NULL, ended_at = ?
                 WHERE endpoint = ? AND state = 'pending'
                """
            ) {
                $0.bind(now)
                $0.bind(id)
            }
        }
    }

    package func disableEndpoint(_ id: EndpointID, reason: String, now: Instant) async throws(StoreError) {
        try await writer.write { transaction in
            guard let endpoint = try transaction.database.webhookEndpoint(id), endpoint.disabledAt == nil else {
                return
            }
            try transaction.database.run(
                "UPDATE webhook_endpoints SET disabled_at = ?, disabled_reason = ? WHERE id = ?"
            ) {
                $0.bind(now)
                $0.bind(reason)
                $0.bind(id)
            }
            // After the update, so that it goes to the others only.
            try transaction.announce(
                .endpointDisabled, of: .endpoint(endpoint, reason: reason), account: endpoint.account, at: now)
        }
    }

    package func enableEndpoint(_ id: EndpointID, account: AccountID, now: Instant) async throws(StoreError) {
        try await writer.write { transaction in
            let changed = try transaction.database.run(
                """
                UPDATE webhook_endpoints SET disabled_at = NULL, disabled_reason = NULL, failing_since = NULL
                 WHERE id = ? AND account = ? AND deleted_at IS NULL
                """
            ) {
                $0.bind(id)
                $0.bind(account)
            }
            guard changed == 1 else { throw StoreError.notFound }
        }
    }
}

extension Database {
    func webhookEndpoint(_ id: EndpointID) throws -> WebhookEndpoint? {
        try one(
            """
            SELECT id, account, url, description, kinds, headers, requests_per_second, concurrency, created_at,
                   disabled_at, disabled_reason, failing_since
              FROM webhook_endpoints
             WHERE id = ? AND deleted_at IS NULL
            """, { $0.bind(id) }, { try WebhookEndpoint(row: &$0) })
    }
}

extension Statement {
    /// `url, description, kinds, headers, requests_per_second, concurrency`.
    fileprivate func bindSettings(of endpoint: WebhookEndpoint) {
        bind(endpoint.url)
        bind(endpoint.description)
        if endpoint.kinds.isEmpty {
            bindNull()
        } else {
            bind(text: JSONValue.array(endpoint.kinds.map { .string($0.rawValue) }).bytes)
        }
        if endpoint.headers.isEmpty {
            bindNull()
        } else {
            var json = JSONWriter()
            json.object { json in
                for (name, value) in endpoint.headers.sorted(by: { $0.key < $1.key }) { json.member(name, value) }
            }
            bind(text: json.bytes)
        }
        bind(endpoint.requestsPerSecond)
        bind(endpoint.concurrency)
    }
}

extension WebhookEndpoint {
    fileprivate init(row: inout Row) throws {
        let (id, account): (EndpointID, AccountID) = (try row.id(), try row.id())
        let (url, description) = (row.text(), row.text())
        let kinds = try row.optional { try JSONValue.stored($0.bytes()).array?.compactMap(\.string) ?? [] } ?? []
        let headers = try row.optional { try JSONValue.stored($0.bytes()).object } ?? nil
        self.init(
            id: id, account: account, url: url, description: description,
            kinds: Set(kinds.compactMap(Event.Kind.init(rawValue:))),
            headers: (headers?.members ?? []).reduce(into: [:]) { $0[$1.name] = $1.value.string },
            requestsPerSecond: row.optional { $0.double() }, concurrency: row.optional { $0.int() },
            createdAt: row.instant(), disabledAt: row.optional { $0.instant() },
            disabledReason: row.optional { $0.text() }, failingSince: row.optional { $0.instant() })
    }
}
