import Domain

// What became of deliveries, and sending them again.

extension SQLiteStore {
    package func record(_ attempts: [DeliveryAttempt]) async throws(StoreError) {
        try await writer.write { transaction in
            for attempt in attempts { try transaction.database.record(attempt) }
        }
    }

    package func announce(_ event: Event, to endpoint: EndpointID) async throws(StoreError) -> DeliveryID {
        try await writer.write { transaction in
            guard let target = try transaction.database.webhookEndpoint(endpoint) else { throw StoreError.notFound }
            try transaction.insert(event)
            return try transaction.deliver(
                event.id, of: event.account, to: target.url, endpoint: endpoint, lane: endpoint.bytes, at: event.at)
        }
    }

    package func deliveries(
        of endpoint: EndpointID, account: AccountID, cursor: String?, limit: Int
    ) async throws(StoreError) -> Page<DeliveryStory> {
        let before = cursor.flatMap(Int64.init) ?? .max
        let rows = try await readers.read { database in
            try database.all(
                """
                SELECT d.number, d.id, d.event, d.url, d.state, d.tries, d.due_at, e.kind, e.task, d.created_at,
                       (SELECT a.status FROM delivery_attempts a WHERE a.delivery = d.id ORDER BY a.try DESC LIMIT 1),
                       (SELECT a.outcome FROM delivery_attempts a WHERE a.delivery = d.id ORDER BY a.try DESC LIMIT 1)
                  FROM deliveries d JOIN events e ON e.id = d.event
                 WHERE d.endpoint = ? AND d.account = ? AND d.number < ?
                 ORDER BY d.number DESC
                 LIMIT ?
                """,
                {
                    $0.bind(endpoint)
                    $0.bind(account)
                    $0.bind(before)
                    $0.bind(limit + 1)
                }
            ) { row in
                let number = row.integer()
                let delivery = Delivery(
                    id: try row.id(), event: try row.id(), endpoint: endpoint, url: row.text(), state: try row.word(),
                    tries: row.int(), dueAt: row.optional { $0.instant() })
                let story = DeliveryStory(
                    delivery: delivery, kind: try row.word(), task: try row.optional { try $0.id() },
                    createdAt: row.instant(), lastStatus: row.optional { $0.int() },
                    lastError: row.optional { $0.text() }.flatMap { $0 == "answered" ? nil : $0 })
                return (number, story)
            }
        }
        let page = rows.prefix(limit)
        return Page(items: page.map(\.1), next: rows.count > limit ? page.last.map { String($0.0) } : nil)
    }

    package func attempts(
        of delivery: DeliveryID, account: AccountID
    ) async throws(StoreError) -> [DeliveryAttempt] {
        try await readers.read { database in
            guard try database.owns(delivery, account: account) else { throw StoreError.notFound }
            return try database.all(
                """
                SELECT try, began_at, milliseconds, status, outcome, excerpt, next_at FROM delivery_attempts
                 WHERE delivery = ? ORDER BY try
                """, { $0.bind(delivery) }
            ) { row in
                let (number, at, milliseconds) = (row.int(), row.instant(), row.integer())
                let (status, outcome) = (row.optional { $0.int() }, row.text())
                let excerpt = row.optional { $0.text() }
                let next: DeliveryAttempt.Next
                if let at = row.optional({ $0.instant() }) {
                    next = .retry(at: at)
                } else {
                    next = (200..<300).contains(status ?? 0) ? .delivered : .abandoned
                }
                return DeliveryAttempt(
                    delivery: delivery, number: number, at: at, milliseconds: milliseconds, status: status,
                    error: outcome == "answered" ? nil : outcome, excerpt: excerpt, next: next)
            }
        }
    }

    package func resend(_ delivery: DeliveryID, account: AccountID, now: Instant) async throws(StoreError) {
        try await writer.write { transaction in
            guard try transaction.database.owns(delivery, account: account) else { throw StoreError.notFound }
            try transaction.database.run(
                "UPDATE deliveries SET state = 'pending', due_at = ?, ended_at = NULL WHERE id = ?"
            ) {
                $0.bind(now)
                $0.bind(delivery)
            }
        }
    }

    package func recover(
        _ endpoint: EndpointID, account: AccountID, since: Instant, until: Instant, now: Instant
    ) async throws(StoreError) -> Int {
        try await writer.write { transaction in
            let database = transaction.database
            guard let target = try database.webhookEndpoint(endpoint), target.account == account else {
                throw StoreError.notFound
            }
            let again = try database.run(
                """
                UPDATE deliveries SET state = 'pending', due_at = ?1, ended_at = NULL, tries = 0, url = ?2
                 WHERE endpoint = ?3 AND state <> 'delivered' AND created_at BETWEEN ?4 AND ?5
                """
            ) {
                $0.bind(now)
                $0.bind(target.url)
                $0.bind(endpoint)
                $0.bind(since)
                $0.bind(until)
            }
            // And what happened while the endpoint was disabled, for which there is no delivery at all.
            let missed = try database.all(
                """
                SELECT e.id, e.kind FROM events e
                 WHERE e.account = ? AND e.at BETWEEN ? AND ? AND e.kind NOT IN ('ping', 'endpoint.disabled')
                   AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.id AND d.endpoint = ?)
                """,
                {
                    $0.bind(account)
                    $0.bind(max(since, target.createdAt))
                    $0.bind(until)
                    $0.bind(endpoint)
                }
            ) { row in (id: try row.id(Event.self), kind: try row.word(Event.Kind.self)) }
            .filter { target.kinds.isEmpty || target.kinds.contains($0.kind) }
            for event in missed {
                _ = try transaction.deliver(
                    event.id, of: account, to: target.url, endpoint: endpoint, lane: endpoint.bytes, at: now)
            }
            return again + missed.count
        }
    }
}

extension Database {
    fileprivate func owns(_ delivery: DeliveryID, account: AccountID) throws -> Bool {
        try one("SELECT 1 FROM deliveries WHERE id = ? AND account = ?") {
            $0.bind(delivery)
            $0.bind(account)
        } _: {
            $0.int()
        } == 1
    }

    /// A delivery that was deleted meanwhile, or sent again and already noted, is none of our business any more.
    fileprivate func record(_ attempt: DeliveryAttempt) throws {
        let nextAt: Instant?
        if case .retry(let at) = attempt.next { nextAt = at } else { nextAt = nil }
        let state: Delivery.State =
            switch attempt.next {
            case .delivered: .delivered
            case .retry: .pending
            case .abandoned: .abandoned
            }
        let changed = try run(
            """
            UPDATE deliveries SET tries = ?, state = ?, due_at = ?, ended_at = ? WHERE id = ? AND state = 'pending'
            """
        ) {
            $0.bind(attempt.number)
            $0.bind(state.rawValue)
            $0.bind(nextAt)
            $0.bind(nextAt == nil ? attempt.at : nil)
            $0.bind(attempt.delivery)
        }
        guard changed == 1 else { return }
        // The running number of the row, for `tries` starts anew when a delivery is recovered.
        try run(
            """
            INSERT INTO delivery_attempts (delivery, try, began_at, milliseconds, status, outcome, excerpt, next_at)
            SELECT ?1, coalesce(max(try), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7 FROM delivery_attempts WHERE delivery = ?1
            """
        ) {
            $0.bind(attempt.delivery)
            $0.bind(attempt.at)
            $0.bind(attempt.milliseconds)
            $0.bind(attempt.status)
            $0.bind(attempt.error ?? "answered")
            $0.bind(attempt.excerpt)
            $0.bind(nextAt)
        }
        if state == .delivered {
            try run(
                """
                UPDATE webhook_endpoints SET failing_since = NULL
                 WHERE id = (SELECT endpoint FROM deliveries WHERE id = ?) AND failing_since IS NOT NULL
                """
            ) { $0.bind(attempt.delivery) }
        } else {
            try run(
                """
                UPDATE webhook_endpoints SET failing_since = ?
                 WHERE id = (SELECT endpoint FROM deliveries WHERE id = ?) AND failing_since IS NULL
                """
            ) {
                $0.bind(attempt.at)
                $0.bind(attempt.delivery)
            }
        }
    }
}
