import Dispatch
import Domain
import Synchronization

/// What the loops sleep on: until the earliest moment anybody named, or until somebody rings. Asleep, it costs
/// nothing.
package final class Alarm: Sendable {
    private struct State {
        var moments = Moments()
        /// When the one asleep wants to be up at the latest. Not a moment like the others: each sleep has its own, and
        /// were they kept, every waking would leave another behind it.
        var latest: Instant?
        var rung = false
        var sleeper: CheckedContinuation<Void, Never>?
        /// When the timer goes off; nil: it is not set. It is set anew only when it would go off too late, for that
        /// wakes a thread, and most sleeps end by a ring.
        var armedFor: Instant?

        /// When to wake the one asleep, if nobody rings.
        var next: Instant? {
            guard let first = moments.first else { return latest }
            return latest.map { min(first, $0) } ?? first
        }

        mutating func takeSleeper() -> CheckedContinuation<Void, Never>? {
            defer { sleeper = nil }
            return sleeper
        }
    }

    private let state = Mutex(State())
    /// Dispatch objects may be used from any thread ("Dispatch Objects", dispatch_source(3)); only Swift does not
    /// say so.
    nonisolated(unsafe) private let timer: any DispatchSourceTimer
    private let clock: RunClock

    package init(clock: RunClock) {
        self.clock = clock
        timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "work.alarm"))
        timer.setEventHandler { [weak self] in self?.timeIsUp() }
        timer.schedule(deadline: .distantFuture)
        timer.activate()
    }

    deinit { timer.cancel() }

    /// Wakes the sleeper now, or keeps the next one from falling asleep.
    package func ring() {
        let sleeper = state.withLock { state in
            if state.sleeper == nil { state.rung = true }
            return state.takeSleeper()
        }
        sleeper?.resume()
    }

    /// Somebody wants to be up at `moment`.
    package func set(_ moment: Instant) {
        let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if state.sleeper != nil, moment <= clock.now() { return state.takeSleeper() }
            // Whoever is awake looks at the moments before falling asleep.
            let isSooner = state.sleeper != nil && state.next.map { moment < $0 } ?? true
            state.moments.insert(moment)
            if isSooner { arm(moment, &state) }
            return nil
        }
        sleeper?.resume()
    }

    private func timeIsUp() {
        let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.armedFor = nil
            guard state.sleeper != nil, let next = state.next else { return nil }
            if next > clock.now() {
                arm(next, &state)
                return nil
            }
            return state.takeSleeper()
        }
        sleeper?.resume()
    }

    /// Sleeps until it rings, the earliest moment has come, or it is `latest`; forgets the moments that have come.
    package func sleep(until latest: Instant? = nil) async {
        await withCheckedContinuation { continuation in
            let isAwake = state.withLock { state in
                let hasCome = dropPassed(&state)
                defer { state.rung = false }
                if state.rung || hasCome { return true }
                state.sleeper = continuation
                state.latest = latest
                if let next = state.next { arm(next, &state) }
                return false
            }
            if isAwake { continuation.resume() }
        }
        state.withLock { state in
            state.latest = nil
            _ = dropPassed(&state)
        }
    }

    private func dropPassed(_ state: inout State) -> Bool {
        let now = clock.now()
        var any = false
        while let first = state.moments.first, first <= now {
            state.moments.removeFirst()
            any = true
        }
        return any
    }

    /// Under the lock: of two who set it at the same time the earlier moment must win.
    private func arm(_ moment: Instant, _ state: inout State) {
        // A timer that should have gone off is not waited for: it does not count the time that a machine was suspended.
        guard state.armedFor.map({ moment < $0 || $0 < clock.now() }) ?? true else { return }
        state.armedFor = moment
        let wait = max(0, (moment - clock.now()).wholeMilliseconds)
        timer.schedule(deadline: .now() + .milliseconds(Int(min(wait, 86_400_000))), leeway: .milliseconds(1))
    }
}

/// Moments, earliest first. Those within the same two milliseconds count once, which bounds them: ten thousand jobs
/// polled every ten seconds are at most five thousand moments.
private struct Moments {
    private var heap = Heap<Int64>()
    private var known: Set<Int64> = []

    var first: Instant? { heap.first.map { Instant(milliseconds: $0) } }

    mutating func insert(_ moment: Instant) {
        let item = (moment.milliseconds + 1) & ~1
        if known.insert(item).inserted { heap.insert(item) }
    }

    mutating func removeFirst() {
        guard let first = heap.first else { return }
        known.remove(first)
        heap.removeFirst()
    }
}
