import Domain

/// Events are written by the transactions that change tasks; this is where they are picked up and told.
package protocol WebhookStore: Sendable {}
