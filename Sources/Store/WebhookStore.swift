import Domain

/// Events are written by the transactions that change tasks, with a delivery for each place that wants to
/// know; this is where they are picked up, told, and looked at afterwards.
package protocol WebhookStore: Sendable {
    /// The earlier answer, and nothing else happens, when `answer`'s key was used before; so in all that take one.
    @discardableResult
    func createEndpoint(
        _ endpoint: WebhookEndpoint, secret: WebhookSecret, answer: KeptAnswer?
    ) async throws(StoreError) -> Replay?
    func endpoints(of account: AccountID) async throws(StoreError) -> [WebhookEndpoint]
    /// nil when there is none, or it is another account's.
    func endpoint(_ id: EndpointID, account: AccountID) async throws(StoreError) -> WebhookEndpoint?
    func updateEndpoint(_ endpoint: WebhookEndpoint) async throws(StoreError)
    /// Its pending deliveries go with it.
    func deleteEndpoint(_ id: EndpointID, account: AccountID) async throws(StoreError)

    /// `secret` signs first from now on; the ones before it go on signing until `overlapEnds`, at most ten of them.
    @discardableResult
    func rotateSecret(
        _ id: EndpointID, to secret: WebhookSecret, overlapEnds: Instant, now: Instant, answer: KeptAnswer?
    ) async throws(StoreError) -> Replay?
    /// All that sign now, newest first: for an endpoint, or the account's default for one-off addresses.
    func secrets(of endpoint: EndpointID, now: Instant) async throws(StoreError) -> [WebhookSecret]
    /// The account's own, made by `make` when there is none yet.
    func defaultSecret(
        of account: AccountID, make: @Sendable () -> WebhookSecret
    ) async throws(StoreError) -> WebhookSecret

    /// Lanes with something due, the longest waiting first. Index only: its cost does not grow with what waits.
    func dueLanes(skipping: Set<WebhookLane>, limit: Int, now: Instant) async throws(StoreError) -> [WebhookLane]
    /// The next deliveries of one lane, in order of their due time, with what is to be sent.
    func dueDeliveries(in lane: WebhookLane, limit: Int, now: Instant) async throws(StoreError) -> [DueDelivery]
    /// When the next delivery of any other lane is due.
    func nextDelivery(skipping: Set<WebhookLane>) async throws(StoreError) -> Instant?
    /// Notes attempts and what follows from each, all in one transaction.
    func record(_ attempts: [DeliveryAttempt]) async throws(StoreError)

    /// Stops sending to an endpoint and tells the account's others (`endpoint.disabled`). Pending deliveries stay,
    /// to be recovered.
    func disableEndpoint(_ id: EndpointID, reason: String, now: Instant) async throws(StoreError)
    func enableEndpoint(_ id: EndpointID, account: AccountID, now: Instant) async throws(StoreError)

    /// An event for one endpoint only (a ping), with its delivery.
    func announce(_ event: Event, to endpoint: EndpointID) async throws(StoreError) -> DeliveryID

    func deliveries(
        of endpoint: EndpointID, account: AccountID, cursor: String?, limit: Int
    ) async throws(StoreError) -> Page<DeliveryStory>
    func attempts(
        of delivery: DeliveryID, account: AccountID
    ) async throws(StoreError) -> [DeliveryAttempt]
    /// Sends one again, now, whatever became of it: same id, same body.
    @discardableResult
    func resend(
        _ delivery: DeliveryID, account: AccountID, now: Instant, answer: KeptAnswer?
    ) async throws(StoreError) -> Replay?
    /// Sends again what had no success in the span; answers how many.
    func recover(
        _ endpoint: EndpointID, account: AccountID, since: Instant, until: Instant, now: Instant
    ) async throws(StoreError) -> Int

    /// Deliveries waiting and the oldest one's event time, from memory or a cheap look.
    func webhookBacklog() async throws(StoreError) -> (pending: Int, oldest: Instant?)

    /// The answer kept under a key by one of those that take a `KeptAnswer`.
    func keptAnswer(_ key: IdempotencyKey, account: AccountID, now: Instant) async throws(StoreError) -> Replay?
}

/// The same for callers that have no key to repeat.
extension WebhookStore {
    package func createEndpoint(_ endpoint: WebhookEndpoint, secret: WebhookSecret) async throws(StoreError) {
        try await createEndpoint(endpoint, secret: secret, answer: nil)
    }

    package func rotateSecret(
        _ id: EndpointID, to secret: WebhookSecret, overlapEnds: Instant, now: Instant
    ) async throws(StoreError) {
        try await rotateSecret(id, to: secret, overlapEnds: overlapEnds, now: now, answer: nil)
    }

    package func resend(_ delivery: DeliveryID, account: AccountID, now: Instant) async throws(StoreError) {
        try await resend(delivery, account: account, now: now, answer: nil)
    }
}

/// Deliveries that share a receiver, so that one that is slow or dead holds up only itself.
package enum WebhookLane: Hashable, Sendable {
    case endpoint(EndpointID)
    /// One-off addresses, by scheme, host and port.
    case origin(String)
}

package struct WebhookSecret: Hashable, Sendable {
    package enum Scheme: String, Sendable, CaseIterable {
        /// HMAC-SHA-256, `v1`, shown as `whsec_…`.
        case hmac = "v1"
        /// Ed25519, `v1a`, kept as seed; shown as `whsk_…` and `whpk_…`.
        case ed25519 = "v1a"
    }

    package let scheme: Scheme
    package let bytes: [UInt8]
    package let createdAt: Instant
    /// nil while it is the current one.
    package let endsAt: Instant?

    package init(scheme: Scheme, bytes: [UInt8], createdAt: Instant, endsAt: Instant? = nil) {
        self.scheme = scheme
        self.bytes = bytes
        self.createdAt = createdAt
        self.endsAt = endsAt
    }
}

extension WebhookSecret: CustomStringConvertible {
    package var description: String { "***" }
}

package struct DueDelivery: Sendable {
    package let delivery: Delivery
    package let account: AccountID
    package let event: Event
    /// nil for a one-off address.
    package let endpoint: WebhookEndpoint?
    /// All that sign now, newest first; empty when the account has no default secret yet.
    package let secrets: [WebhookSecret]
    /// Of the task that the event is about, while its row is there.
    package let trace: Trace?

    package init(
        delivery: Delivery, account: AccountID, event: Event, endpoint: WebhookEndpoint?, secrets: [WebhookSecret],
        trace: Trace? = nil
    ) {
        self.delivery = delivery
        self.account = account
        self.event = event
        self.endpoint = endpoint
        self.secrets = secrets
        self.trace = trace
    }
}

/// One try, and what follows from it.
package struct DeliveryAttempt: Hashable, Sendable {
    package enum Next: Hashable, Sendable {
        case delivered
        case retry(at: Instant)
        case abandoned
    }

    package let delivery: DeliveryID
    package let number: Int
    package let at: Instant
    package let milliseconds: Int64
    /// HTTP status, if there was an answer.
    package let status: Int?
    /// A stable word when there was none: `timeout`, `blocked_address`, `tls_error`, …
    package let error: String?
    /// The first bytes of the answer, for the endpoint's owner.
    package let excerpt: String?
    package let next: Next

    package init(
        delivery: DeliveryID, number: Int, at: Instant, milliseconds: Int64, status: Int?, error: String?,
        excerpt: String?, next: Next
    ) {
        self.delivery = delivery
        self.number = number
        self.at = at
        self.milliseconds = milliseconds
        self.status = status
        self.error = error
        self.excerpt = excerpt
        self.next = next
    }
}

package struct DeliveryStory: Sendable {
    package let delivery: Delivery
    package let kind: Event.Kind
    package let task: TaskID?
    package let createdAt: Instant
    package let lastStatus: Int?
    package let lastError: String?

    package init(
        delivery: Delivery, kind: Event.Kind, task: TaskID?, createdAt: Instant, lastStatus: Int?, lastError: String?
    ) {
        self.delivery = delivery
        self.kind = kind
        self.task = task
        self.createdAt = createdAt
        self.lastStatus = lastStatus
        self.lastError = lastError
    }
}
