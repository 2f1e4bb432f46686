import Domain
import Store
import Synchronization

/// What came of one delivery, on its way from the wire to the sender.
struct DeliveryAnswer: Sendable {
    let item: DueDelivery
    let lane: WebhookLane
    let sentAt: Instant
    let report: CourierReport
}

/// Answers come one by one on the client's thread, and are taken all at once: a switch of threads for each would cost
/// more than the answer itself.
final class Answers: Sendable {
    private let waiting = Mutex<[DeliveryAnswer]>([])

    /// True for the first since they were taken: that one has to wake whoever takes them.
    func put(_ answer: DeliveryAnswer) -> Bool {
        waiting.withLock { waiting in
            waiting.append(answer)
            return waiting.count == 1
        }
    }

    func take() -> [DeliveryAnswer] {
        waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
