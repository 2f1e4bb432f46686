import Domain
import JSON

// Telling: what is due, lane by lane, and what came of each try.

extension SQLiteStore {
    package func dueLanes(after lane: WebhookLane?, limit: Int, now: Instant) async throws(StoreError) -> DueLanes {
        try await readers.read { database in
            try database.snapshot { try database.dueLanes(after: lane, limit: limit, now: now) }
        }
    }

    package func dueDeliveries(_ wishes: [LaneWish], now: Instant) async throws(StoreError) -> [LaneMail] {
        try await readers.read { [vault] database in
            try database.snapshot {
                var mail: [LaneMail] = []
                var keys: [AccountID: [WebhookSecret]] = [:]
                for wish in wishes { mail.append(try database.mail(wish, now: now, vault, &keys)) }
                return mail
            }
        }
    }

    package func record(_ attempts: [DeliveryAttempt]) async throws(StoreError) {
        try await writer.write { try $0.record(attempts) }
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
            // Each by an index that has all it asks for.
            let found = try database.one(
                """
                SELECT (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL),
                       (SELECT min(created_at) FROM deliveries WHERE due_at IS NOT NULL)
                """
            ) { (pending: $0.int(), oldest: $0.optional { $0.instant() }) }
            return found ?? (0, nil)
        }
    }
}

extension Transaction {
    /// Attempts, and what follows from each for its delivery and its endpoint. A delivery that went with its endpoint
    /// while it was being tried has nothing to note.
    fileprivate func record(_ attempts: [DeliveryAttempt]) throws {
        // An endpoint is written once, for many of its attempts come together.
        var reached: Set<EndpointID> = []
        var failing: [EndpointID: Instant] = [:]
        for attempt in attempts where try settle(attempt) {
            try insert(attempt)
            guard let endpoint = attempt.endpoint else { continue }
            if attempt.next == .delivered {
                reached.insert(endpoint)
                failing[endpoint] = nil
            } else if failing[endpoint] == nil {
                failing[endpoint] = attempt.at
            }
        }
        for endpoint in reached {
            try database.run(
                "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = ? AND failing_since IS NOT NULL"
            ) { $0.bind(endpoint) }
        }
        for (endpoint, since) in failing {
            try database.run("UPDATE webhook_endpoints SET failing_since = ? WHERE id = ? AND failing_since IS NULL") {
                $0.bind(since)
                $0.bind(endpoint)
            }
        }
    }

    /// False when there is no such delivery any more.
    private func settle(_ attempt: DeliveryAttempt) throws -> Bool {
        let (state, dueAt) = attempt.next.asRow
        let changed = try database.run(
            "UPDATE deliveries SET state = ?, tries = max(tries, ?), due_at = ?, ended_at = ? WHERE id = ?"
        ) {
            $0.bind(dueAt == nil ? state : "pending")
            $0.bind(attempt.number)
            $0.bind(dueAt)
            $0.bind(dueAt == nil ? attempt.at : nil)
            $0.bind(attempt.delivery)
        }
        return changed == 1
    }

    private func insert(_ attempt: DeliveryAttempt) throws {
        let (next, nextAt) = attempt.next.asRow
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
    }
}

extension DeliveryAttempt.Next {
    fileprivate var asRow: (word: String, at: Instant?) {
        switch self {
        case .delivered: ("delivered", nil)
        case .retry(let at): ("retry", at)
        case .abandoned: ("abandoned", nil)
        }
    }
}

extension Database {
    /// Lanes by a loose scan: one probe a lane, however much waits in it. Those of endpoints that are off are left out:
    /// what waits there waits.
    fileprivate func dueLanes(after lane: WebhookLane?, limit: Int, now: Instant) throws -> DueLanes {
        var found = DueLanes()
        var last = lane?.bytes ?? []
        while let (bytes, dueAt) = try one(
            """
            SELECT lane, due_at FROM deliveries
             WHERE due_at IS NOT NULL AND lane > ? ORDER BY lane, due_at LIMIT 1
            """, { $0.bind(last) }, { ($0.bytes(), $0.instant()) })
        {
            last = bytes
            let lane = try WebhookLane(bytes: bytes)
            guard let account = try account(of: lane) else { continue }
            guard dueAt <= now else {
                found.next = min(found.next ?? dueAt, dueAt)
                continue
            }
            found.lanes.append((lane, account))
            if found.lanes.count == limit {
                found.last = lane
                break
            }
        }
        return found
    }

    /// nil: it is off.
    private func account(of lane: WebhookLane) throws -> AccountID? {
        switch lane {
        case .origin(_, let account): account
        case .endpoint(let id):
            try one(
                "SELECT account FROM webhook_endpoints WHERE id = ? AND disabled_at IS NULL AND deleted_at IS NULL",
                { $0.bind(id) }, { try $0.id() })
        }
    }

    /// `keys`: the accounts' default secrets, as far as they have been opened.
    fileprivate func mail(
        _ wish: LaneWish, now: Instant, _ vault: Vault, _ keys: inout [AccountID: [WebhookSecret]]
    ) throws -> LaneMail {
        var endpoint: WebhookEndpoint?
        var own: [WebhookSecret]?
        if case .endpoint(let id) = wish.lane {
            guard let found = try self.endpoint(id), found.disabledAt == nil else {
                return LaneMail(lane: wish.lane, deliveries: [], isMore: false)
            }
            endpoint = found
            own = try secrets(of: found.account, endpoint: id, now: now, vault)
        }
        // The names first: what is on its way already need not be read whole.
        let waiting = try all(
            """
            SELECT number, id FROM deliveries
             WHERE lane = ? AND due_at <= ? ORDER BY due_at, number LIMIT ?
            """,
            {
                $0.bind(wish.lane.bytes)
                $0.bind(now)
                $0.bind(wish.limit + wish.except.count + 1)
            }
        ) { row in (number: row.integer(), id: try row.id(Delivery.self)) }.filter { !wish.except.contains($0.id) }
        let deliveries = try waiting.prefix(wish.limit).compactMap { row in
            try due(row.number, row.id, endpoint: endpoint) { account in
                if let own { return own }
                if let known = keys[account] { return known }
                let opened = try secrets(of: account, endpoint: nil, now: now, vault)
                keys[account] = opened
                return opened
            }
        }
        return LaneMail(lane: wish.lane, deliveries: deliveries, isMore: waiting.count > wish.limit)
    }

    private func due(
        _ number: Int64, _ id: DeliveryID, endpoint: WebhookEndpoint?, secrets: (AccountID) throws -> [WebhookSecret]
    ) throws -> DueDelivery? {
        try one(
            """
            SELECT d.event, d.url, d.tries, d.due_at, d.account, e.kind, e.task, e.at, e.body, t.request -> '$.trace'
              FROM deliveries AS d JOIN events AS e ON e.id = d.event LEFT JOIN tasks AS t ON t.id = e.task
             WHERE d.number = ?
            """, { $0.bind(number) }
        ) { row in
            let event: EventID = try row.id()
            let url = row.text()
            // An endpoint that moved is told at its new address.
            let delivery = Delivery(
                id: id, event: event, endpoint: endpoint?.id, url: endpoint?.url ?? url, tries: row.int(),
                dueAt: row.instant())
            let account: AccountID = try row.id()
            let kind: Event.Kind = try row.word()
            let task = try row.optional { try $0.id(GenerationTask.self) }
            let (at, body) = (row.instant(), row.bytes())
            let trace = try row.optional { try JSONValue.stored($0.bytes()) }.flatMap(Trace.init(stored:))
            return DueDelivery(
                delivery: delivery, account: account,
                event: Event(id: event, account: account, kind: kind, task: task, at: at, body: body),
                endpoint: endpoint, secrets: try secrets(account), trace: trace)
        }
    }
}
