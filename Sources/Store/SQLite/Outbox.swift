import Domain
import JSON

// Events are written by the transaction that makes them true, with a delivery for everyone who is to be told.

extension Transaction {
    /// Writes the event and its deliveries.
    func announce(_ kind: Event.Kind, of subject: EventSubject, account: AccountID, at now: Instant) throws {
        let id = EventID.new(at: now)
        let body = rendering.event(kind, subject, id, now)
        var task: GenerationTask?
        if case .task(let subject) = subject { task = subject }
        try database.run("INSERT INTO events (id, account, kind, task, at, body) VALUES (?, ?, ?, ?, ?, ?)") {
            $0.bind(id)
            $0.bind(account)
            $0.bind(kind.rawValue)
            $0.bind(task?.id)
            $0.bind(now)
            $0.bind(body)
        }
        for endpoint in try database.subscribers(of: kind, account: account) {
            try deliver(id, of: account, to: endpoint.url, endpoint: endpoint.id, lane: endpoint.id.bytes, at: now)
        }
        if let url = task?.request.webhookURL {
            try deliver(id, of: account, to: url, endpoint: nil, lane: Array(Self.origin(of: url).utf8), at: now)
        }
    }

    private func deliver(
        _ event: EventID, of account: AccountID, to url: String, endpoint: EndpointID?, lane: [UInt8], at now: Instant
    ) throws {
        try database.run(
            """
            INSERT INTO deliveries (id, event, account, endpoint, url, lane, state, due_at, created_at)
            VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?)
            """
        ) {
            $0.bind(DeliveryID.new(at: now))
            $0.bind(event)
            $0.bind(account)
            $0.bind(endpoint)
            $0.bind(url)
            $0.bind(lane)
            $0.bind(now)
            $0.bind(now)
        }
    }

    /// `https://host:port` of an address: all before the third slash, and before any question mark.
    static func origin(of url: String) -> Substring {
        var slashes = 0
        let end = url.utf8.firstIndex { byte in
            if byte == UInt8(ascii: "/") { slashes += 1 }
            return slashes == 3 || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
        }
        return url[..<(end ?? url.endIndex)]
    }
}

extension Database {
    fileprivate func subscribers(
        of kind: Event.Kind, account: AccountID
    ) throws -> [(id: EndpointID, url: String)] {
        try all(
            """
            SELECT id, url, kinds FROM webhook_endpoints
             WHERE account = ? AND deleted_at IS NULL AND disabled_at IS NULL
            """, { $0.bind(account) }
        ) { row in
            let (id, url): (EndpointID, String) = (try row.id(), row.text())
            let kinds = try row.optional { try JSONValue.stored($0.bytes()).array?.compactMap(\.string) ?? [] }
            return (id: id, url: url, kinds: kinds)
        }
        .filter { $0.kinds?.contains(kind.rawValue) ?? true }
        .map { (id: $0.id, url: $0.url) }
    }
}
