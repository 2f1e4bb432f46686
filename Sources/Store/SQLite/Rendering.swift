import Domain

/// How the outside wants things said: the store keeps and hands out bytes it does not understand.
package struct Rendering: Sendable {
    /// The public status of a task.
    package let status: @Sendable (GenerationTask) -> [UInt8]
    /// The exact bytes that subscribers get, made inside the transaction that makes them true.
    package let event: @Sendable (Event.Kind, EventSubject, EventID, Instant) -> [UInt8]

    package init(
        status: @escaping @Sendable (GenerationTask) -> [UInt8],
        event: @escaping @Sendable (Event.Kind, EventSubject, EventID, Instant) -> [UInt8]
    ) {
        self.status = status
        self.event = event
    }
}

/// What an event speaks of.
package enum EventSubject: Sendable {
    case task(GenerationTask)
    /// The balance fell below the account's mark.
    case wallet(AccountID, balance: Credits, mark: Credits)
    case endpoint(WebhookEndpoint, reason: String)
    case nothing
}
