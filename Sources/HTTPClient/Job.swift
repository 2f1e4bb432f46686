import HTTP
import Synchronization

/// One call as it travels from the caller to the client's thread. By reference: it goes through several hands, and its
/// request and rules are a dozen counted parts each.
final class Job: Sendable {
    let call: Call
    let request: OutgoingRequest
    let policy: CallPolicy
    let sink: BodySink
    let startedAt: ContinuousClock.Instant
    /// Called exactly once, on the client's thread.
    let finish: @Sendable (CallOutcome) -> Void

    init(
        call: Call, request: OutgoingRequest, policy: CallPolicy, sink: BodySink,
        startedAt: ContinuousClock.Instant, finish: @escaping @Sendable (CallOutcome) -> Void
    ) {
        self.call = call
        self.request = request
        self.policy = policy
        self.sink = sink
        self.startedAt = startedAt
        self.finish = finish
    }
}

/// A call in flight, for whoever may want to end it.
package final class Call: Sendable {
    let id: UInt64
    private let mailbox: Mailbox
    private let canceled = Atomic(false)

    init(id: UInt64, mailbox: Mailbox) {
        self.id = id
        self.mailbox = mailbox
    }

    /// Ends the call soon with `canceled`; does nothing to one that has ended. From any thread.
    package func cancel() {
        // The mark counts when this runs before the call is posted, the message when it runs after.
        canceled.store(true, ordering: .releasing)
        mailbox.post(.cancel(id))
    }

    var isCanceled: Bool { canceled.load(ordering: .acquiring) }
}
