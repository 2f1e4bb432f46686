import Domain
import Store

/// Counts for the metrics page.
package struct WebhookTally: Hashable, Sendable {
    package private(set) var delivered: UInt64 = 0
    package private(set) var failed: UInt64 = 0
    package private(set) var abandoned: UInt64 = 0
    /// Upper bounds in seconds of the buckets below, from the event to its delivery.
    package static let bounds: [Double] = [0.05, 0.25, 1, 5, 30, 300, 3600]
    package private(set) var delayBuckets = [UInt64](repeating: 0, count: bounds.count + 1)
    package private(set) var delaySum: Double = 0

    mutating func count(_ attempt: DeliveryAttempt, created: Instant, now: Instant) {
        switch attempt.next {
        case .delivered:
            delivered += 1
            let delay = max(0, (now - created).inSeconds)
            delaySum += delay
            delayBuckets[Self.bounds.firstIndex { delay <= $0 } ?? Self.bounds.count] += 1
        case .retry: failed += 1
        case .abandoned: abandoned += 1
        }
    }
}
