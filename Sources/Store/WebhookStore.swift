import Domain

/// Events are written by the transactions that change tasks, with a delivery for each place that wants to
/// know; this is where they are picked up, told, and looked at afterwards.
package protocol WebhookStore: WebhookOutbox {
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
    func deleteEndpoint(_ id: EndpointID, account: AccountID, now: Instant) async throws(StoreError)

    /// `secret` signs first from now on; the ones before it go on signing until `overlapEnds`, at most ten of them.
    @discardableResult
    func rotateSecret(
        _ id: EndpointID, to secret: WebhookSecret, overlapEnds: Instant, now: Instant, answer: KeptAnswer?
    ) async throws(StoreError) -> Replay?
    /// What signs an endpoint's deliveries first.
    func scheme(of endpoint: EndpointID, account: AccountID) async throws(StoreError) -> WebhookSecret.Scheme
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
    /// The same for one event, at one endpoint or wherever it was told; answers how many.
    func resend(_ event: EventID, to endpoint: EndpointID?, now: Instant) async throws(StoreError) -> Int
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
