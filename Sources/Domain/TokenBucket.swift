/// A rate with a burst, as a value: `rate` tokens a second flow in, at most `burst` are kept.
package struct TokenBucket: Hashable, Sendable {
    package let perSecond: Double
    package let burst: Double
    private var tokens: Double
    private var filledAt: Instant

    package init(perSecond: Double, burst: Double, now: Instant) {
        self.perSecond = perSecond
        self.burst = burst
        tokens = burst
        filledAt = now
    }

    /// Takes one token, or says how long until there is one.
    package mutating func take(now: Instant) -> Duration? {
        fill(now)
        guard tokens < 1 else {
            tokens -= 1
            return nil
        }
        return .milliseconds(Int64(((1 - tokens) / perSecond * 1000).rounded(.up)))
    }

    /// Whole tokens there are now.
    package mutating func available(now: Instant) -> Int {
        fill(now)
        return Int(tokens)
    }

    /// Nothing comes before this: a provider or receiver said how long to wait.
    package mutating func drain(until: Instant) {
        tokens = 0
        filledAt = max(filledAt, until)
    }

    /// A clock that stepped back gives nothing and takes nothing.
    private mutating func fill(_ now: Instant) {
        guard now > filledAt else { return }
        tokens = min(burst, tokens + (now - filledAt).inSeconds * perSecond)
        filledAt = now
    }
}
