import Domain

/// Stops asking a provider that keeps failing, and finds out gently when it is back. A value: time comes in,
/// nothing is scheduled.
///
/// Closed, it counts answers over a window; when most of them are failures it opens, and everything waits or
/// goes elsewhere. When its time is up it is half open: one call at a time goes through as a probe, and what
/// becomes of it decides.
package struct CircuitBreaker: Hashable, Sendable {
    package struct Settings: Hashable, Sendable {
        /// Failures among answers that open it.
        package var ratio: Double
        /// Answers needed before the ratio means anything.
        package var minimum: Int
        /// For providers too quiet to reach `minimum`: failures in a row that open it.
        package var inARow: Int
        package var window: Duration
        /// How long it stays open at first; twice as long after every failed probe, up to `longest`.
        package var pause: Duration
        package var longest: Duration

        package init(
            ratio: Double = 0.7, minimum: Int = 10, inARow: Int = 5, window: Duration = .seconds(300),
            pause: Duration = .seconds(15), longest: Duration = .seconds(300)
        ) {
            self.ratio = ratio
            self.minimum = minimum
            self.inARow = inARow
            self.window = window
            self.pause = pause
            self.longest = longest
        }

        package func scaled(by scale: Double) -> Settings {
            var settings = self
            settings.window = window * scale
            settings.pause = pause * scale
            settings.longest = longest * scale
            return settings
        }
    }

    package enum State: Hashable, Sendable {
        case closed
        case open(until: Instant)
        case halfOpen
    }

    private let settings: Settings
    /// The window in eight parts, so that old answers leave bit by bit and memory does not grow.
    private var parts = [Part](repeating: Part(), count: 8)
    private var failuresInARow = 0
    private var openUntil: Instant?
    private var nextPause: Duration
    /// When the probe under way was let through; one that never reports back does not block for ever.
    private var probingSince: Instant?
    /// Why it opened last, for people.
    package private(set) var reason: String?

    private struct Part: Hashable, Sendable {
        var number: Int64 = -1
        var good = 0
        var bad = 0
    }

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
        nextPause = settings.pause
    }

    package func state(at now: Instant) -> State {
        guard let openUntil else { return .closed }
        return now < openUntil ? .open(until: openUntil) : .halfOpen
    }

    /// Whether a call may go now; when not, when to ask again.
    package func obstacle(at now: Instant) -> Instant? {
        switch state(at: now) {
        case .closed: return nil
        case .open(let until): return until
        case .halfOpen:
            guard let probingSince, now < probingSince + settings.longest else { return nil }
            return now + settings.pause
        }
    }

    /// To be called when a call goes that `obstacle` let through.
    package mutating func begin(at now: Instant) {
        if state(at: now) == .halfOpen { probingSince = now }
    }

    /// The call said nothing about the provider's health: it was never made, or given up by us.
    package mutating func cancel() { probingSince = nil }

    package mutating func succeed(at now: Instant) {
        failuresInARow = 0
        if state(at: now) == .halfOpen { close() }
        count(at: now) { $0.good += 1 }
    }

    package mutating func fail(at now: Instant, because reason: String) {
        failuresInARow += 1
        count(at: now) { $0.bad += 1 }
        switch state(at: now) {
        case .open: break
        case .halfOpen: open(at: now, because: reason)
        case .closed:
            let (good, bad) = counts(at: now)
            let most = good + bad >= settings.minimum && Double(bad) >= settings.ratio * Double(good + bad)
            if most || failuresInARow >= settings.inARow { open(at: now, because: reason) }
        }
    }

    /// Opens at once: what was refused (a key, an empty balance) will not mend by asking again soon.
    package mutating func trip(at now: Instant, because reason: String) {
        if case .open = state(at: now) { return }
        nextPause = settings.longest
        open(at: now, because: reason)
    }

    /// An operator changed something: forget everything.
    package mutating func reset() { self = CircuitBreaker(settings) }

    private mutating func open(at now: Instant, because reason: String) {
        openUntil = now + nextPause
        nextPause = min(settings.longest, nextPause * 2)
        probingSince = nil
        self.reason = reason
    }

    private mutating func close() { self = CircuitBreaker(settings) }

    private func part(at now: Instant) -> Int64 {
        now.milliseconds / max(1, settings.window.wholeMilliseconds / Int64(parts.count))
    }

    private mutating func count(at now: Instant, _ add: (inout Part) -> Void) {
        let number = part(at: now)
        let index = Int(number % Int64(parts.count))
        if parts[index].number != number { parts[index] = Part(number: number) }
        add(&parts[index])
    }

    private func counts(at now: Instant) -> (good: Int, bad: Int) {
        let oldest = part(at: now) - Int64(parts.count) + 1
        return parts.reduce((0, 0)) { sum, part in
            part.number >= oldest ? (sum.0 + part.good, sum.1 + part.bad) : sum
        }
    }
}
