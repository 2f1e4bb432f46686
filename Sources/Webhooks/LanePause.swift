import Domain

/// A receiver that asked to be spared, or let us wait in vain, is left alone for a while, and then gets one at a time
/// until something gets through; pure.
struct LanePause: Hashable, Sendable {
    private(set) var until: Instant?
    /// How often in a row; what was on the wire together counts once.
    private(set) var strikes = 0

    /// However long one old delivery has to wait for its next try, everything else is not kept back longer than this.
    static let longest = Duration.seconds(60)
    /// How long a lane that has nothing to send is remembered as slow.
    private static let memory = Duration.seconds(600)

    var isProbing: Bool { strikes > 0 }

    func isForgettable(_ now: Instant) -> Bool {
        guard let until else { return strikes == 0 }
        return now >= (strikes == 0 ? until : until + Self.memory)
    }

    /// `wish`: how long the delivery that met this waits for its own next try, nil if that was its last.
    mutating func strike(wish: Duration?, schedule: RetrySchedule, now: Instant) {
        if until.map({ now >= $0 }) ?? true { strikes += 1 }
        // What a fresh delivery would wait at most, had it been tried so often.
        let base = schedule.waits.isEmpty ? .zero : schedule.waits[min(strikes, schedule.waits.count - 1)]
        let most = min(base * 2, Self.longest)
        rest(until: now + min(wish ?? base, most))
    }

    mutating func rest(until moment: Instant) { until = max(until ?? moment, moment) }
}
