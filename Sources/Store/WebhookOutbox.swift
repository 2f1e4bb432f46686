import Domain

/// What the sender of webhooks needs of the store.
package protocol WebhookOutbox: Sendable {
    /// A look over the lanes in their order, from the one after `lane`: those with something due, `limit` at most.
    /// Index only: its cost grows with the lanes that wait, not with what waits in them.
    func dueLanes(after lane: WebhookLane?, limit: Int, now: Instant) async throws(StoreError) -> DueLanes
    /// The next deliveries of some lanes, each lane's in order of their due time, with what is to be sent. All of one
    /// moment.
    func dueDeliveries(_ wishes: [LaneWish], now: Instant) async throws(StoreError) -> [LaneMail]
    /// Notes attempts and what follows from each, all in one transaction.
    func record(_ attempts: [DeliveryAttempt]) async throws(StoreError)

    /// The account's own, made by `make` when there is none yet.
    func defaultSecret(
        of account: AccountID, make: @Sendable () -> WebhookSecret
    ) async throws(StoreError) -> WebhookSecret
    /// Stops sending to an endpoint and tells the account's others (`endpoint.disabled`). Pending deliveries stay,
    /// to be recovered.
    func disableEndpoint(_ id: EndpointID, reason: String, now: Instant) async throws(StoreError)
}

/// Deliveries that share a receiver, so that one that is slow or dead holds up only itself.
package enum WebhookLane: Hashable, Sendable {
    case endpoint(EndpointID)
    /// One-off addresses of one account, by scheme, host and port: what one account sends to a host that many use must
    /// not hold up the others.
    case origin(String, AccountID)
}

package struct DueLanes: Sendable {
    package var lanes: [(lane: WebhookLane, account: AccountID)] = []
    /// When something is due next in one of the others that were looked at.
    package var next: Instant?
    /// There are more: go on after this one.
    package var last: WebhookLane?

    package init() {}
}

/// What may be sent to one lane.
package struct LaneWish: Sendable {
    package let lane: WebhookLane
    package let limit: Int
    /// On their way already.
    package let except: Set<DeliveryID>

    package init(lane: WebhookLane, limit: Int, except: Set<DeliveryID> = []) {
        self.lane = lane
        self.limit = limit
        self.except = except
    }
}

package struct LaneMail: Sendable {
    package let lane: WebhookLane
    package let deliveries: [DueDelivery]
    /// More is due than was asked for.
    package let isMore: Bool

    package init(lane: WebhookLane, deliveries: [DueDelivery], isMore: Bool) {
        self.lane = lane
        self.deliveries = deliveries
        self.isMore = isMore
    }
}

/// By reference: it is handed on a few times, and has many counted parts.
package final class DueDelivery: Sendable {
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
    /// nil for a one-off address.
    package let endpoint: EndpointID?
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
        delivery: DeliveryID, endpoint: EndpointID?, number: Int, at: Instant, milliseconds: Int64, status: Int?,
        error: String?, excerpt: String?, next: Next
    ) {
        self.delivery = delivery
        self.endpoint = endpoint
        self.number = number
        self.at = at
        self.milliseconds = milliseconds
        self.status = status
        self.error = error
        self.excerpt = excerpt
        self.next = next
    }
}
