import Domain

// What waits to be told, lane by lane. Every question here is answered from the index of pending deliveries.

extension SQLiteStore {
    package func dueLanes(
        skipping: Set<WebhookLane>, limit: Int, now: Instant
    ) async throws(StoreError) -> [WebhookLane] {
        try await readers.read { database in
            try database.pendingLanes()
                .filter { $0.dueAt <= now && !skipping.contains($0.lane) }
                .sorted { $0.dueAt < $1.dueAt }
                .prefix(limit).map(\.lane)
        }
    }

    package func nextDelivery(skipping: Set<WebhookLane>) async throws(StoreError) -> Instant? {
        try await readers.read { database in
            try database.pendingLanes().filter { !skipping.contains($0.lane) }.map(\.dueAt).min()
        }
    }

    package func dueDeliveries(
        in lane: WebhookLane, limit: Int, now: Instant
    ) async throws(StoreError) -> [DueDelivery] {
        let vault = vault
        return try await readers.read { database in
            try database.snapshot {
                var endpoint: WebhookEndpoint?
                if case .endpoint(let id) = lane { endpoint = try database.webhookEndpoint(id) }
                var secrets: [AccountID: [WebhookSecret]] = [:]
                return try database.dueRows(lane, limit: limit, now: now).map { delivery, account, event in
                    if secrets[account] == nil {
                        secrets[account] = try database.webhookSecrets(
                            account: account, endpoint: endpoint?.id, now: now, vault: vault)
                    }
                    return DueDelivery(
                        delivery: delivery, account: account, event: event, endpoint: endpoint,
                        secrets: secrets[account] ?? [])
                }
            }
        }
    }

    package func webhookBacklog() async throws(StoreError) -> (pending: Int, oldest: Instant?) {
        try await readers.read { database in
            let backlog = try database.one(
                "SELECT count(*), min(created_at) FROM deliveries INDEXED BY deliveries_pending WHERE state = 'pending'"
            ) { row in (pending: row.int(), oldest: row.optional { $0.instant() }) }
            return backlog ?? (pending: 0, oldest: nil)
        }
    }
}

extension Database {
    /// Each lane that has something pending, and when its first is due: one step in the index a lane, however many
    /// deliveries wait in it. Lanes of disabled endpoints rest.
    fileprivate func pendingLanes() throws -> [(lane: WebhookLane, dueAt: Instant)] {
        try all(
            """
            WITH RECURSIVE lanes (lane) AS (
                SELECT min(lane) FROM deliveries WHERE state = 'pending'
                UNION ALL
                SELECT (SELECT min(d.lane) FROM deliveries d WHERE d.state = 'pending' AND d.lane > lanes.lane)
                  FROM lanes WHERE lanes.lane IS NOT NULL
            )
            SELECT lanes.lane,
                   (SELECT min(d.due_at) FROM deliveries d WHERE d.state = 'pending' AND d.lane = lanes.lane)
              FROM lanes LEFT JOIN webhook_endpoints e ON e.id = lanes.lane
             WHERE lanes.lane IS NOT NULL AND e.disabled_at IS NULL
            """
        ) { row in (lane: WebhookLane(stored: row.bytes()), dueAt: row.instant()) }
    }

    fileprivate func dueRows(
        _ lane: WebhookLane, limit: Int, now: Instant
    ) throws -> [(Delivery, AccountID, Event)] {
        try all(
            """
            SELECT d.id, d.endpoint, d.url, d.tries, d.due_at, e.id, e.account, e.kind, e.task, e.at, e.body
              FROM deliveries d JOIN events e ON e.id = d.event
             WHERE d.lane = ? AND d.state = 'pending' AND d.due_at <= ?
             ORDER BY d.due_at
             LIMIT ?
            """,
            {
                $0.bind(lane.stored)
                $0.bind(now)
                $0.bind(limit)
            }
        ) { row in
            let id: DeliveryID = try row.id()
            let endpoint: EndpointID? = try row.optional { try $0.id() }
            let (url, tries, dueAt) = (row.text(), row.int(), row.instant())
            let event = Event(
                id: try row.id(), account: try row.id(), kind: try row.word(), task: try row.optional { try $0.id() },
                at: row.instant(), body: row.bytes())
            let delivery = Delivery(
                id: id, event: event.id, endpoint: endpoint, url: url, state: .pending, tries: tries, dueAt: dueAt)
            return (delivery, event.account, event)
        }
    }
}

extension WebhookLane {
    /// An endpoint's id is 16 bytes that begin with a date; an origin begins with `http`, a date in the year 5606.
    init(stored bytes: [UInt8]) {
        if !bytes.starts(with: "http".utf8), let id = EndpointID(bytes: bytes) {
            self = .endpoint(id)
        } else {
            self = .origin(String(decoding: bytes, as: UTF8.self))
        }
    }

    var stored: [UInt8] {
        switch self {
        case .endpoint(let id): id.bytes
        case .origin(let origin): Array(origin.utf8)
        }
    }
}
