import Domain
import JSON

// Telling: what is due, lane by lane, and what came of each try.

extension SQLiteStore {
    package func dueLanes(
        skipping: Set<WebhookLane>, limit: Int, now: Instant
    ) async throws(StoreError) -> [WebhookLane] {
        try await readers.read { database in
            try database.snapshot {
                try database.lanes().filter { $0.dueAt <= now && !skipping.contains($0.lane) }
                    .sorted { $0.dueAt < $1.dueAt }.prefix(limit).map(\.lane)
            }
        }
    }

    package func nextDelivery(skipping: Set<WebhookLane>) async throws(StoreError) -> Instant? {
        try await readers.read { database in
            try database.snapshot { try database.lanes().filter { !skipping.contains($0.lane) }.map(\.dueAt).min() }
        }
    }

    package func dueDeliveries(
        in lane: WebhookLane, limit: Int, now: Instant
    ) async throws(StoreError) -> [DueDelivery] {
        try await readers.read { [vault] database in
            try database.snapshot { try database.due(in: lane, limit: limit, now: now, vault) }
        }
    }

    package func record(_ attempts: [DeliveryAttempt]) async throws(StoreError) {
        try await writer.write { transaction in for attempt in attempts { try transaction.record(attempt) } }
    }

    package func announce(_ event: Event, to endpoint: EndpointID) async throws(StoreError) -> DeliveryID {
        try await writer.write { transaction in
            guard let endpoint = try transaction.database.endpoint(endpoint), endpoint.account == event.account else {
                throw StoreError.notFound
            }
            try transaction.insert(event)
            return try transaction.deliver(event.id, of: event.account, to: endpoint, isSkipped: false, at: event.at)
        }
    }

    package func webhookBacklog() async throws(StoreError) -> (pending: Int, oldest: Instant?) {
        try await readers.read { database in
            let found = try database.one("SELECT count(*), min(created_at) FROM deliveries WHERE state = 'pending'") {
                (pending: $0.int(), oldest: $0.optional { $0.instant() })
            }
            return found ?? (0, nil)
        }
    }
}

extension Transaction {
    /// An attempt, and what follows from it for its delivery and its endpoint. A delivery that went with its endpoint
    /// while it was being tried has nothing to note.
    fileprivate func record(_ attempt: DeliveryAttempt) throws {
        let found = try database.one("SELECT endpoint FROM deliveries WHERE id = ?", { $0.bind(attempt.delivery) }) {
            row in (endpoint: try row.optional { try $0.id(WebhookEndpoint.self) }, ())
        }
        guard let found else { return }
        let (next, nextAt): (String, Instant?) =
            switch attempt.next {
            case .delivered: ("delivered", nil)
            case .retry(let at): ("retry", at)
            case .abandoned: ("abandoned", nil)
            }
        try database.run(
            """
            INSERT INTO delivery_attempts (delivery, try, began_at, milliseconds, status, error, excerpt, next, next_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (delivery, try) DO NOTHING
            """
        ) {
            $0.bind(attempt.delivery)
            $0.bind(attempt.number)
            $0.bind(attempt.at)
            $0.bind(attempt.milliseconds)
            $0.bind(attempt.status)
            $0.bind(attempt.error)
            $0.bind(attempt.excerpt)
            $0.bind(next)
            $0.bind(nextAt)
        }
        try database.run(
            "UPDATE deliveries SET state = ?, tries = max(tries, ?), due_at = ?, ended_at = ? WHERE id = ?"
        ) {
            $0.bind(nextAt == nil ? next : "pending")
            $0.bind(attempt.number)
            $0.bind(nextAt)
            $0.bind(nextAt == nil ? attempt.at : nil)
            $0.bind(attempt.delivery)
        }
        guard let endpoint = found.endpoint else { return }
        if attempt.next == .delivered {
            try database.run(
                "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL"
            ) { $0.bind(endpoint) }
        } else {
            try database.run(
                "UPDATE webhook_endpoints SET failing_since = ? WHERE id = ? AND failing_since IS NULL"
            ) {
                $0.bind(attempt.at)
                $0.bind(endpoint)
            }
        }
    }
}

extension Database {
    /// Every lane with something waiting and when its first is due, by a loose scan: one probe a lane, however much
    /// waits in it. Lanes of endpoints that are off are left out: what waits there waits.
    fileprivate func lanes() throws -> [(lane: WebhookLane, dueAt: Instant)] {
        var lanes: [(lane: WebhookLane, dueAt: Instant)] = []
        var after: [UInt8] = []
        while let (bytes, dueAt) = try one(
            """
            SELECT lane, due_at FROM deliveries
             WHERE state = 'pending' AND lane > ? ORDER BY lane, due_at LIMIT 1
            """, { $0.bind(after) }, { ($0.bytes(), $0.instant()) })
        {
            after = bytes
            let lane = try WebhookLane(bytes: bytes)
            if case .endpoint(let id) = lane, try !isOn(id) { continue }
            lanes.append((lane, dueAt))
        }
        return lanes
    }

    private func isOn(_ endpoint: EndpointID) throws -> Bool {
        try one(
            "SELECT disabled_at IS NULL AND deleted_at IS NULL FROM webhook_endpoints WHERE id = ?",
            { $0.bind(endpoint) }, { $0.int() == 1 }) ?? false
    }

    fileprivate func due(
        in lane: WebhookLane, limit: Int, now: Instant, _ vault: Vault
    ) throws -> [DueDelivery] {
        var endpoint: WebhookEndpoint?
        if case .endpoint(let id) = lane {
            endpoint = try self.endpoint(id)
            guard endpoint?.disabledAt == nil, endpoint != nil else { return [] }
        }
        let rows = try all(
            """
            SELECT d.id, d.event, d.url, d.tries, d.due_at, d.account, e.kind, e.task, e.at, e.body,
                   t.request -> '$.trace'
              FROM deliveries AS d JOIN events AS e ON e.id = d.event LEFT JOIN tasks AS t ON t.id = e.task
             WHERE d.state = 'pending' AND d.lane = ? AND d.due_at <= ?
             ORDER BY d.due_at LIMIT ?
            """,
            {
                $0.bind(lane.bytes)
                $0.bind(now)
                $0.bind(limit)
            }
        ) { row in
            let (id, event): (DeliveryID, EventID) = (try row.id(), try row.id())
            // An endpoint that moved is told at its new address.
            let url = row.text()
            let delivery = Delivery(
                id: id, event: event, endpoint: endpoint?.id, url: endpoint?.url ?? url, tries: row.int(),
                dueAt: row.instant())
            let account: AccountID = try row.id()
            let kind: Event.Kind = try row.word()
            let task = try row.optional { try $0.id(GenerationTask.self) }
            return (
                delivery: delivery,
                event: Event(id: event, account: account, kind: kind, task: task, at: row.instant(), body: row.bytes()),
                trace: try row.optional { try JSONValue.stored($0.bytes()) }.flatMap(Trace.init(stored:))
            )
        }
        var secrets: [AccountID: [WebhookSecret]] = [:]
        return try rows.map { row in
            let account = row.event.account
            if secrets[account] == nil {
                secrets[account] = try self.secrets(of: account, endpoint: endpoint?.id, now: now, vault)
            }
            return DueDelivery(
                delivery: row.delivery, account: account, event: row.event, endpoint: endpoint,
                secrets: secrets[account] ?? [], trace: row.trace)
        }
    }
}
