import Domain
import Store

/// Counts for the metrics page.
package struct WebhookTally: Hashable, Sendable {
    package private(set) var delivered: UInt64 = 0
    package private(set) var failed: UInt64 = 0
    package private(set) var abandoned: UInt64 = 0
    /// From an event to its delivery.
    package private(set) var delays = Histogram(bounds: [0.05, 0.25, 1, 5, 30, 300, 3600])
    /// One attempt, whatever came of it.
    package private(set) var attempts = Histogram(bounds: [0.01, 0.05, 0.25, 1, 5, 15, 30])

    package struct Histogram: Hashable, Sendable {
        /// Upper bounds in seconds.
        package let bounds: [Double]
        /// One more than there are bounds: the last has all that took longer.
        package private(set) var counts: [UInt64]
        package private(set) var sum: Double = 0

        init(bounds: [Double]) {
            self.bounds = bounds
            counts = [UInt64](repeating: 0, count: bounds.count + 1)
        }

        mutating func add(_ seconds: Double) {
            sum += seconds
            counts[bounds.firstIndex { seconds <= $0 } ?? bounds.count] += 1
        }
    }

    mutating func count(_ attempt: DeliveryAttempt, created: Instant, now: Instant) {
        attempts.add(Double(attempt.milliseconds) / 1000)
        switch attempt.next {
        case .delivered:
            delivered += 1
            delays.add(max(0, (now - created).inSeconds))
        case .retry: failed += 1
        case .abandoned: abandoned += 1
        }
    }
}
