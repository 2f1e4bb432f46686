import Domain

// Looking at what was told, and telling again: same id, same body.

extension SQLiteStore {
    package func deliveries(
        of endpoint: EndpointID, account: AccountID, cursor: String?, limit: Int
    ) async throws(StoreError) -> Page<DeliveryStory> {
        let before = try cursor.map(Cursor.id(Delivery.self))
        return try await readers.read { database in
            let limit = Cursor.bounded(limit)
            let rows = try database.stories(of: endpoint, account: account, before: before, limit: limit + 1)
            return Page(of: rows, limit: limit) { $0.delivery.id.description }
        }
    }

    package func attempts(
        of delivery: DeliveryID, account: AccountID
    ) async throws(StoreError) -> [DeliveryAttempt] {
        try await readers.read { database in
            let found = try database.attempts(of: delivery, account: account)
            // One that was never tried is there all the same; somebody else's is not.
            if found.isEmpty, try !database.has(delivery, account: account) { throw StoreError.notFound }
            return found
        }
    }

    package func resend(
        _ delivery: DeliveryID, account: AccountID, now: Instant, answer: KeptAnswer?
    ) async throws(StoreError) -> Replay? {
        try await writer.write { [vault] transaction in
            if let earlier = try transaction.once(answer, account: account, vault) { return earlier }
            let changed = try transaction.database.run(
                """
                UPDATE deliveries SET state = 'pending', due_at = ?, ended_at = NULL
                 WHERE id = ? AND account = ?
                   AND (endpoint IS NULL
                        OR EXISTS (SELECT 1 FROM webhook_endpoints AS e WHERE e.id = endpoint AND deleted_at IS NULL))
                """
            ) {
                $0.bind(now)
                $0.bind(delivery)
                $0.bind(account)
            }
            guard changed == 1 else { throw StoreError.notFound }
            return nil
        }
    }

    package func resend(
        _ event: EventID, to endpoint: EndpointID?, now: Instant
    ) async throws(StoreError) -> Int {
        try await writer.write { transaction in
            try transaction.database.run(
                """
                UPDATE deliveries SET state = 'pending', due_at = ?1, ended_at = NULL
                 WHERE event = ?2 AND (?3 IS NULL OR endpoint = ?3)
                   AND (endpoint IS NULL
                        OR EXISTS (SELECT 1 FROM webhook_endpoints AS e WHERE e.id = endpoint AND deleted_at IS NULL))
                """
            ) {
                $0.bind(now)
                $0.bind(event)
                $0.bind(endpoint)
            }
        }
    }

    package func recover(
        _ endpoint: EndpointID, account: AccountID, since: Instant, until: Instant, now: Instant
    ) async throws(StoreError) -> Int {
        guard try await self.endpoint(endpoint, account: account) != nil else { throw .notFound }
        var count = 0
        var last = (at: since, id: DeliveryID(high: 0, low: 0))
        // In batches, so that nobody waits behind an outage's worth of rows.
        while true {
            let after = last
            let (changed, reached) = try await writer.write { transaction in
                let rows = try transaction.database.all(
                    """
                    SELECT id, state, created_at FROM deliveries
                     WHERE endpoint = ? AND (created_at, id) > (?, ?) AND created_at <= ?
                     ORDER BY created_at, id LIMIT 500
                    """,
                    {
                        $0.bind(endpoint)
                        $0.bind(after.at)
                        $0.bind(after.id)
                        $0.bind(until)
                    }
                ) { row in (id: try row.id(Delivery.self), isDelivered: row.text() == "delivered", at: row.instant()) }
                let missed = rows.filter { !$0.isDelivered }
                for delivery in missed {
                    try transaction.database.run(
                        "UPDATE deliveries SET state = 'pending', due_at = ?, ended_at = NULL WHERE id = ?"
                    ) {
                        $0.bind(now)
                        $0.bind(delivery.id)
                    }
                }
                return (missed.count, rows.count == 500 ? rows.last.map { (at: $0.at, id: $0.id) } : nil)
            }
            count += changed
            guard let reached else { return count }
            last = reached
        }
    }
}

extension Database {
    /// Newest first.
    fileprivate func stories(
        of endpoint: EndpointID, account: AccountID, before: DeliveryID?, limit: Int
    ) throws -> [DeliveryStory] {
        var place = (at: Int64.max, id: [UInt8](repeating: 0xFF, count: 16))
        if let before {
            let found = try one(
                "SELECT created_at, id FROM deliveries WHERE id = ?", { $0.bind(before) },
                { (at: $0.integer(), id: $0.bytes()) })
            guard let found else { return [] }
            place = found
        }
        // The place as two values: behind an OR, or in a subquery, the index would be read from its end each time.
        return try all(
            """
            SELECT d.id, d.event, d.url, d.state, d.tries, d.due_at, e.kind, e.task, d.created_at, a.status, a.error
              FROM deliveries AS d JOIN events AS e ON e.id = d.event
                   LEFT JOIN delivery_attempts AS a ON a.delivery = d.id AND a.try = d.tries
             WHERE d.endpoint = ?1 AND d.account = ?2
               AND (d.created_at, d.id) < (?3, ?4)
             ORDER BY d.created_at DESC, d.id DESC LIMIT ?5
            """,
            {
                $0.bind(endpoint)
                $0.bind(account)
                $0.bind(place.at)
                $0.bind(place.id)
                $0.bind(limit)
            }
        ) { row in
            let delivery = Delivery(
                id: try row.id(), event: try row.id(), endpoint: endpoint, url: row.text(), state: try row.word(),
                tries: row.int(), dueAt: row.optional { $0.instant() })
            return DeliveryStory(
                delivery: delivery, kind: try row.word(), task: try row.optional { try $0.id() },
                createdAt: row.instant(), lastStatus: row.optional { $0.int() }, lastError: row.optional { $0.text() })
        }
    }

    fileprivate func has(_ delivery: DeliveryID, account: AccountID) throws -> Bool {
        let found = try one(
            "SELECT 1 FROM deliveries WHERE id = ? AND account = ?",
            {
                $0.bind(delivery)
                $0.bind(account)
            }, { $0.int() })
        return found != nil
    }

    fileprivate func attempts(of delivery: DeliveryID, account: AccountID) throws -> [DeliveryAttempt] {
        try all(
            """
            SELECT d.endpoint, a.try, a.began_at, a.milliseconds, a.status, a.error, a.excerpt, a.next, a.next_at
              FROM deliveries AS d JOIN delivery_attempts AS a ON a.delivery = d.id
             WHERE d.id = ? AND d.account = ? ORDER BY a.try
            """,
            {
                $0.bind(delivery)
                $0.bind(account)
            }
        ) { row in
            let endpoint = try row.optional { try $0.id(WebhookEndpoint.self) }
            let (number, at, milliseconds) = (row.int(), row.instant(), row.integer())
            let (status, error, excerpt) = (
                row.optional { $0.int() }, row.optional { $0.text() }, row.optional { $0.text() }
            )
            let next: DeliveryAttempt.Next
            switch row.text() {
            case "delivered": next = .delivered
            case "retry": next = .retry(at: row.instant())
            default: next = .abandoned
            }
            return DeliveryAttempt(
                delivery: delivery, endpoint: endpoint, number: number, at: at, milliseconds: milliseconds,
                status: status, error: error, excerpt: excerpt, next: next)
        }
    }
}
