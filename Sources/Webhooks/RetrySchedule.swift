import Domain

/// When to try again: the specification's schedule unless the operator names another, spread by a fifth so that
/// a receiver that comes back is not met by everyone at once.
package struct RetrySchedule: Hashable, Sendable {
    /// Waits before each try, the first included; as many tries as there are entries.
    package let waits: [Duration]

    package init(waits: [Duration]) { self.waits = waits }

    /// Now, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h: ten tries in a little over three days.
    package static let standard = RetrySchedule(
        waits: [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400].map { .seconds($0) })

    package static let jitter = 0.2

    /// The moment of the next try after `tries` of them, or nil when that was the last. A receiver's own
    /// `Retry-After` counts between once and twice the schedule's wait: it may slow us, not stop us. Then chance only
    /// adds, for nobody is asked before the time they named.
    package func next(
        after tries: Int, now: Instant, retryAfter: Duration? = nil, random: inout some RandomNumberGenerator
    ) -> Instant? {
        guard tries < waits.count else { return nil }
        let base = waits[tries]
        guard let retryAfter else { return now + base + base.share(of: -Self.jitter...Self.jitter, &random) }
        let asked = max(base, min(retryAfter, base * 2))
        return now + min(asked + base.share(of: 0...Self.jitter, &random), base * 2)
    }
}

extension Duration {
    fileprivate func share(of range: ClosedRange<Double>, _ random: inout some RandomNumberGenerator) -> Duration {
        .milliseconds(Int64(inSeconds * 1000 * Double.random(in: range, using: &random)))
    }
}
