import Domain

// Events are written by the transaction that makes them true, with a delivery for everyone who is to be told.

extension Transaction {
    /// Writes the event and its deliveries.
    func announce(_ kind: Event.Kind, of subject: EventSubject, account: AccountID, at now: Instant) throws {
        let id = EventID.new(at: now)
        let body = rendering.event(kind, subject, id, now)
        var task: GenerationTask?
        if case .task(let subject) = subject { task = subject }
        try insert(Event(id: id, account: account, kind: kind, task: task?.id, at: now, body: body))
        for endpoint in try database.subscribers(of: kind, account: account) {
            try deliver(id, of: account, to: endpoint, isSkipped: endpoint.disabledAt != nil, at: now)
        }
        if let url = task?.request.webhookURL {
            try deliver(id, of: account, to: url, endpoint: nil, lane: .origin(Self.origin(of: url), account), at: now)
        }
    }

    func insert(_ event: Event) throws {
        try database.run("INSERT INTO events (id, account, kind, task, at, body) VALUES (?, ?, ?, ?, ?, ?)") {
            $0.bind(event.id)
            $0.bind(event.account)
            $0.bind(event.kind.rawValue)
            $0.bind(event.task)
            $0.bind(event.at)
            $0.bind(event.body)
        }
    }

    /// `isSkipped`: it is off, and will find what it missed when it asks.
    @discardableResult
    func deliver(
        _ event: EventID, of account: AccountID, to endpoint: WebhookEndpoint, isSkipped: Bool, at now: Instant
    ) throws -> DeliveryID {
        try deliver(
            event, of: account, to: endpoint.url, endpoint: endpoint.id, lane: .endpoint(endpoint.id),
            isSkipped: isSkipped, at: now)
    }

    @discardableResult
    private func deliver(
        _ event: EventID, of account: AccountID, to url: String, endpoint: EndpointID?, lane: WebhookLane,
        isSkipped: Bool = false, at now: Instant
    ) throws -> DeliveryID {
        let id = DeliveryID.new(at: now)
        if !isSkipped { hasMail = true }
        try database.run(
            """
            INSERT INTO deliveries (id, event, account, endpoint, url, lane, state, due_at, created_at, ended_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(id)
            $0.bind(event)
            $0.bind(account)
            $0.bind(endpoint)
            $0.bind(url)
            $0.bind(lane.bytes)
            $0.bind(isSkipped ? "abandoned" : "pending")
            $0.bind(isSkipped ? nil : now)
            $0.bind(now)
            $0.bind(isSkipped ? now : nil)
        }
        return id
    }

    /// `https://host:port` of an address: all before the third slash, and before any question mark.
    static func origin(of url: String) -> String {
        var slashes = 0
        let end = url.utf8.firstIndex { byte in
            if byte == UInt8(ascii: "/") { slashes += 1 }
            return slashes == 3 || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#")
        }
        return String(url[..<(end ?? url.endIndex)])
    }
}

extension Database {
    /// Everyone who wants this kind, those that are off among them.
    fileprivate func subscribers(of kind: Event.Kind, account: AccountID) throws -> [WebhookEndpoint] {
        try endpoints(of: account).filter { $0.kinds.isEmpty || $0.kinds.contains(kind) }
    }
}

extension WebhookLane {
    /// As a row has it. An account's own lane to an origin ends with a zero and the account's id: no origin has a zero.
    var bytes: [UInt8] {
        switch self {
        case .endpoint(let id): [UInt8(ascii: "e")] + id.bytes
        case .origin(let origin, let account): [UInt8(ascii: "o")] + Array(origin.utf8) + [0] + account.bytes
        }
    }

    init(bytes: [UInt8]) throws {
        switch bytes.first {
        case UInt8(ascii: "e"):
            guard let id = EndpointID(bytes: bytes.dropFirst()) else {
                throw StoreError.broken("a lane of no endpoint")
            }
            self = .endpoint(id)
        case UInt8(ascii: "o"):
            guard let zero = bytes.firstIndex(of: 0), let account = AccountID(bytes: bytes[(zero + 1)...]) else {
                throw StoreError.broken("a lane of no account")
            }
            self = .origin(String(decoding: bytes[1..<zero], as: UTF8.self), account)
        default: throw StoreError.broken("a lane of neither endpoint nor origin")
        }
    }
}
