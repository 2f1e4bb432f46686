import Domain
import Store

/// What the sender of webhooks does for the front: the front stores and shows, it neither signs nor sends.
package struct WebhookActs: Sendable {
    package var makeSecret: @Sendable (WebhookSecret.Scheme, Instant) -> WebhookSecret
    /// The text of a secret for its owner: `whsec_…`, or `whsk_…` with its public `whpk_…`.
    package var show: @Sendable (WebhookSecret) -> (secret: String, publicKey: String?)
    /// The outcome of the next try of a delivery.
    package var nextAttempt: @Sendable (DeliveryID) async -> DeliveryAttempt
    /// Something became due.
    package var wake: @Sendable () -> Void

    package init(
        makeSecret: @escaping @Sendable (WebhookSecret.Scheme, Instant) -> WebhookSecret,
        show: @escaping @Sendable (WebhookSecret) -> (secret: String, publicKey: String?),
        nextAttempt: @escaping @Sendable (DeliveryID) async -> DeliveryAttempt,
        wake: @escaping @Sendable () -> Void
    ) {
        self.makeSecret = makeSecret
        self.show = show
        self.nextAttempt = nextAttempt
        self.wake = wake
    }
}
