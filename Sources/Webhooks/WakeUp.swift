import Dispatch
import Synchronization

/// What the sender sleeps on: until someone rings, or a while has passed. One sleeper at a time.
final class WakeUp: Sendable {
    private struct State {
        var rung = false
        var sleeper: CheckedContinuation<Void, Never>?
        var sleep: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Wakes the sleeper now, or keeps the next one from falling asleep.
    func ring() { wake(only: nil) }

    func sleep(atMost limit: Duration?) async {
        await withCheckedContinuation { continuation in
            let sleep: UInt64? = state.withLock { state in
                if state.rung {
                    state.rung = false
                    return nil
                }
                state.sleeper = continuation
                state.sleep += 1
                return state.sleep
            }
            guard let sleep else { return continuation.resume() }
            guard let limit else { return }
            let milliseconds = max(
                1,
                min(limit.components.seconds, 86_400) * 1000
                    + Int64(limit.components.attoseconds / 1_000_000_000_000_000))
            DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(Int(milliseconds))) { [weak self] in
                self?.wake(only: sleep)
            }
        }
    }

    /// A timer wakes only the sleep it was set for.
    private func wake(only sleep: UInt64?) {
        let sleeper = state.withLock { state -> CheckedContinuation<Void, Never>? in
            if let sleep, sleep != state.sleep || state.sleeper == nil { return nil }
            defer { state.sleeper = nil }
            if state.sleeper == nil { state.rung = true }
            return state.sleeper
        }
        sleeper?.resume()
    }
}
