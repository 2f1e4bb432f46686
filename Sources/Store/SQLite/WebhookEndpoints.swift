import Domain
import JSON

// Where accounts want to be told. An endpoint that was deleted is kept as long as deliveries speak of it.

extension SQLiteStore {
    package func createEndpoint(
        _ endpoint: WebhookEndpoint, secret: WebhookSecret, answer: KeptAnswer?
    ) async throws(StoreError) -> Replay? {
        try await writer.write { [vault] transaction in
            if let earlier = try transaction.once(answer, account: endpoint.account, vault) { return earlier }
            try transaction.database.run(
                """
                INSERT INTO webhook_endpoints (url, description, kinds, headers, requests_per_second, concurrency, id,
                                               account, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
            ) {
                $0.bind(settingsOf: endpoint)
                $0.bind(endpoint.id)
                $0.bind(endpoint.account)
                $0.bind(endpoint.createdAt)
            }
            try transaction.insert(secret, of: endpoint.account, endpoint: endpoint.id, vault)
            return nil
        }
    }

    package func endpoints(of account: AccountID) async throws(StoreError) -> [WebhookEndpoint] {
        try await readers.read { try $0.endpoints(of: account) }
    }

    package func endpoint(
        _ id: EndpointID, account: AccountID
    ) async throws(StoreError) -> WebhookEndpoint? {
        try await readers.read { try $0.endpoint(id) }.flatMap { $0.account == account ? $0 : nil }
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
                $0.bind(settingsOf: endpoint)
                $0.bind(endpoint.id)
                $0.bind(endpoint.account)
            }
            guard changed == 1 else { throw StoreError.notFound }
        }
    }

    /// It is off at once; what was waiting for it goes in batches, so that nobody waits behind a million rows.
    package func deleteEndpoint(_ id: EndpointID, account: AccountID, now: Instant) async throws(StoreError) {
        try await writer.write { transaction in
            let changed = try transaction.database.run(
                """
                UPDATE webhook_endpoints SET deleted_at = ?
                 WHERE id = ? AND account = ? AND deleted_at IS NULL
                """
            ) {
                $0.bind(now)
                $0.bind(id)
                $0.bind(account)
            }
            guard changed == 1 else { throw StoreError.notFound }
            try transaction.database.run("DELETE FROM webhook_secrets WHERE endpoint = ?") { $0.bind(id) }
        }
        while try await writer.write({ try $0.removePending(of: id, batch: 500) }) {}
    }

    package func disableEndpoint(
        _ id: EndpointID, reason: String, now: Instant
    ) async throws(StoreError) {
        try await writer.write { transaction in
            let changed = try transaction.database.run(
                """
                UPDATE webhook_endpoints SET disabled_at = ?, disabled_reason = ?
                 WHERE id = ? AND disabled_at IS NULL AND deleted_at IS NULL
                """
            ) {
                $0.bind(now)
                $0.bind(reason)
                $0.bind(id)
            }
            guard changed == 1, let endpoint = try transaction.database.endpoint(id) else { return }
            try transaction.announce(
                .endpointDisabled, of: .endpoint(endpoint, reason: reason), account: endpoint.account, at: now)
        }
    }

    package func enableEndpoint(
        _ id: EndpointID, account: AccountID, now: Instant
    ) async throws(StoreError) {
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

extension Transaction {
    /// True while there is more.
    fileprivate func removePending(of endpoint: EndpointID, batch: Int) throws -> Bool {
        let deliveries = try database.all(
            "SELECT id FROM deliveries WHERE lane = ? AND due_at IS NOT NULL LIMIT ?",
            {
                $0.bind(WebhookLane.endpoint(endpoint).bytes)
                $0.bind(batch)
            }
        ) { try $0.id(Delivery.self) }
        for delivery in deliveries {
            try database.run("DELETE FROM delivery_attempts WHERE delivery = ?") { $0.bind(delivery) }
            try database.run("DELETE FROM deliveries WHERE id = ?") { $0.bind(delivery) }
        }
        return deliveries.count == batch
    }
}

extension Statement {
    fileprivate func bind(settingsOf endpoint: WebhookEndpoint) {
        bind(endpoint.url)
        bind(endpoint.description)
        bind(text: endpoint.kinds.isEmpty ? nil : endpoint.kinds.encoded())
        bind(text: endpoint.headers.encoded())
        bind(endpoint.requestsPerSecond)
        bind(endpoint.concurrency)
    }
}

extension Set<Event.Kind> {
    fileprivate func encoded() -> [UInt8] {
        var json = JSONWriter(reserving: 128)
        json.array { for kind in Event.Kind.allCases where contains(kind) { $0.string(kind.rawValue) } }
        return json.bytes
    }
}

extension Database {
    func endpoints(of account: AccountID) throws -> [WebhookEndpoint] {
        try all(
            """
            SELECT id, account, url, description, kinds, headers, requests_per_second, concurrency, created_at,
                   disabled_at, disabled_reason, failing_since
              FROM webhook_endpoints WHERE account = ? AND deleted_at IS NULL ORDER BY id
            """, { $0.bind(account) }, Self.endpoint)
    }

    func endpoint(_ id: EndpointID) throws -> WebhookEndpoint? {
        try one(
            """
            SELECT id, account, url, description, kinds, headers, requests_per_second, concurrency, created_at,
                   disabled_at, disabled_reason, failing_since
              FROM webhook_endpoints WHERE id = ? AND deleted_at IS NULL
            """, { $0.bind(id) }, Self.endpoint)
    }

    private static func endpoint(_ row: inout Row) throws -> WebhookEndpoint {
        WebhookEndpoint(
            id: try row.id(), account: try row.id(), url: row.text(), description: row.text(),
            kinds: Set(
                try row.optional { try JSONValue.stored($0.bytes()).array?.compactMap(\.string) ?? [] }?
                    .compactMap(Event.Kind.init) ?? []),
            headers: try row.optional { [String: String](stored: try JSONValue.stored($0.bytes())) } ?? [:],
            requestsPerSecond: row.optional { $0.double() }, concurrency: row.optional { $0.int() },
            createdAt: row.instant(), disabledAt: row.optional { $0.instant() },
            disabledReason: row.optional { $0.text() }, failingSince: row.optional { $0.instant() })
    }
}
