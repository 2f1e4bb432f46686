/// Something subscribers are told: written in the transaction that made it true.
package struct Event: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable, Hashable {
        case taskStarted = "task.started"
        case taskFinished = "task.finished"
        case taskFailed = "task.failed"
        case taskCanceled = "task.canceled"
        case walletLow = "wallet.low"
        case endpointDisabled = "endpoint.disabled"
        case ping

        /// The event that tells of a task's end. An expired task failed, as far as subscribers care.
        package init(end state: TaskState) {
            switch state {
            case .finished: self = .taskFinished
            case .canceled: self = .taskCanceled
            default: self = .taskFailed
            }
        }
    }

    package let id: EventID
    package let account: AccountID
    package let kind: Kind
    package let task: TaskID?
    package let at: Instant
    /// The exact bytes every subscriber gets, for ever.
    package let body: [UInt8]

    package init(id: EventID, account: AccountID, kind: Kind, task: TaskID?, at: Instant, body: [UInt8]) {
        self.id = id
        self.account = account
        self.kind = kind
        self.task = task
        self.at = at
        self.body = body
    }
}

/// Where an account wants to be told.
package struct WebhookEndpoint: Hashable, Sendable {
    package let id: EndpointID
    package let account: AccountID
    package var url: String
    package var description: String
    /// Empty: every kind.
    package var kinds: Set<Event.Kind>
    package var headers: [String: String]
    package var requestsPerSecond: Double?
    package var concurrency: Int?
    package let createdAt: Instant
    package var disabledAt: Instant?
    package var disabledReason: String?
    /// Since when nothing got through; nil while the last try did.
    package var failingSince: Instant?

    package init(
        id: EndpointID, account: AccountID, url: String, description: String, kinds: Set<Event.Kind>,
        headers: [String: String], requestsPerSecond: Double?, concurrency: Int?, createdAt: Instant,
        disabledAt: Instant? = nil, disabledReason: String? = nil, failingSince: Instant? = nil
    ) {
        self.id = id
        self.account = account
        self.url = url
        self.description = description
        self.kinds = kinds
        self.headers = headers
        self.requestsPerSecond = requestsPerSecond
        self.concurrency = concurrency
        self.createdAt = createdAt
        self.disabledAt = disabledAt
        self.disabledReason = disabledReason
        self.failingSince = failingSince
    }
}

/// One event on its way to one place. The event's id and body never change; only its tries do.
package struct Delivery: Hashable, Sendable {
    package enum State: String, Sendable, CaseIterable { case pending, delivered, abandoned }

    package let id: DeliveryID
    package let event: EventID
    /// nil: the task's own `webhook_url`.
    package let endpoint: EndpointID?
    package let url: String
    package var state: State
    package var tries: Int
    package var dueAt: Instant?

    package init(
        id: DeliveryID, event: EventID, endpoint: EndpointID?, url: String, state: State = .pending, tries: Int = 0,
        dueAt: Instant?
    ) {
        self.id = id
        self.event = event
        self.endpoint = endpoint
        self.url = url
        self.state = state
        self.tries = tries
        self.dueAt = dueAt
    }
}
