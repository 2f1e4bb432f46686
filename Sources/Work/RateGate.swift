import Domain

/// How often a provider may be called: a bucket that fills one token at a time, and a pause when the provider
/// itself asked for one. Shared by everything that is sent with the same key. A value: time comes in.
package struct RateGate: Hashable, Sendable {
    /// nil: as often as we like.
    package struct Rate: Hashable, Sendable {
        package var burst: Int
        /// The time in which one token comes back.
        package var interval: Duration

        package init(burst: Int, interval: Duration) {
            self.burst = max(1, burst)
            self.interval = interval
        }

        package static func perMinute(_ count: Int, scale: Double = 1) -> Rate {
            Rate(burst: count, interval: .seconds(60) * scale / max(1, count))
        }
    }

    package private(set) var rate: Rate?
    /// The moment at which the bucket is (or was) full: all there is to remember of a token bucket.
    private var fullAt: Instant?
    package private(set) var pausedUntil: Instant?
    /// Pauses in a row without word of how long; each is twice the last.
    private var unspecified = 0

    package init(_ rate: Rate? = nil) { self.rate = rate }

    package mutating func setRate(_ rate: Rate?) {
        guard rate != self.rate else { return }
        self.rate = rate
        fullAt = nil
    }

    /// When a call may go if not now. `keeping` tokens are left for others: a submit leaves one for the polls of
    /// what runs already.
    package func obstacle(at now: Instant, keeping: Int = 0) -> Instant? {
        if let pausedUntil, now < pausedUntil { return pausedUntil }
        guard let rate, let fullAt else { return nil }
        // A token is there when the bucket would be full again no later than `burst` intervals from now.
        let needed = min(rate.burst, keeping + 1)
        let allowed = rate.interval * (rate.burst - needed)
        let earliest = fullAt - allowed
        return earliest <= now ? nil : earliest
    }

    package mutating func take(at now: Instant) {
        guard let rate else { return }
        fullAt = max(fullAt ?? now, now) + rate.interval
    }

    /// The provider said "not now": until a moment it named, else longer each time.
    package mutating func pause(at now: Instant, for wait: Duration?, unit: Duration) {
        let length: Duration
        if let wait {
            length = wait
        } else {
            length = unit * (1 << min(unspecified, 6))
            unspecified += 1
        }
        pausedUntil = max(pausedUntil ?? now, now + length)
    }

    /// It took a call: whatever it had complained of is over.
    package mutating func resume() {
        unspecified = 0
        pausedUntil = nil
    }
}
