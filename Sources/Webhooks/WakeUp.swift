import Dispatch
import Synchronization

/// What the sender sleeps on: until someone rings, or until a moment has come. One sleeper at a time. It may wake for
/// nothing: whoever sleeps looks around and sleeps again.
final class WakeUp: Sendable {
    private struct State {
        var rung = false
        var sleeper: CheckedContinuation<Void, Never>?
        /// When the timer goes off; nil: it is not set.
        var timerAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let timer: Timer

    /// A dispatch source's own methods are safe to call from any thread.
    private final class Timer: @unchecked Sendable {
        let source = DispatchSource.makeTimerSource()
    }

    init() {
        timer = Timer()
        timer.source.setEventHandler { [weak self] in self?.timeOver() }
        timer.source.activate()
    }

    deinit { timer.source.cancel() }

    /// Wakes the sleeper now, or keeps the next one from falling asleep.
    func ring() {
        let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.rung = state.sleeper == nil
            defer { state.sleeper = nil }
            return state.sleeper
        }
        sleeper?.resume()
    }

    func sleep(atMost limit: Duration) async {
        let milliseconds = Int(max(1, min(limit, .seconds(60)) / .milliseconds(1)))
        await withCheckedContinuation { continuation in
            let isRung = state.withLock { state in
                if state.rung {
                    state.rung = false
                    return true
                }
                state.sleeper = continuation
                let end = ContinuousClock.now + .milliseconds(milliseconds)
                // One timer, set anew only when it would go off too late: most sleeps end by a ring.
                if state.timerAt.map({ end < $0 }) ?? true {
                    state.timerAt = end
                    timer.source.schedule(deadline: .now() + .milliseconds(milliseconds))
                }
                return false
            }
            if isRung { continuation.resume() }
        }
    }

    private func timeOver() {
        let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.timerAt = nil
            defer { state.sleeper = nil }
            return state.sleeper
        }
        sleeper?.resume()
    }
}
