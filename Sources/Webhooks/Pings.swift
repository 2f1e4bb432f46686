import Domain
import Store

/// Those who wait for what becomes of a delivery, and the latest pings' outcomes: one may be there before somebody
/// comes to wait for it.
struct Pings {
    private(set) var tried: [DeliveryID: DeliveryAttempt] = [:]
    private var order: [DeliveryID] = []
    private var waiters: [DeliveryID: [CheckedContinuation<DeliveryAttempt, Never>]] = [:]

    private static let kept = 64

    mutating func await(_ delivery: DeliveryID, _ waiter: CheckedContinuation<DeliveryAttempt, Never>) {
        waiters[delivery, default: []].append(waiter)
    }

    mutating func keep(_ attempt: DeliveryAttempt) {
        if tried.updateValue(attempt, forKey: attempt.delivery) == nil { order.append(attempt.delivery) }
        if order.count > Self.kept { tried[order.removeFirst()] = nil }
    }

    mutating func tell(_ attempt: DeliveryAttempt) {
        guard !waiters.isEmpty else { return }
        waiters.removeValue(forKey: attempt.delivery)?.forEach { $0.resume(returning: attempt) }
    }
}

extension DeliveryAttempt {
    static func notYet(_ delivery: DeliveryID, now: Instant) -> DeliveryAttempt {
        DeliveryAttempt(
            delivery: delivery, endpoint: nil, number: 0, at: now, milliseconds: 0, status: nil, error: "not_tried_yet",
            excerpt: nil, next: .retry(at: now))
    }
}
