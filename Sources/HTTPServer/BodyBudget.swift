import Synchronization

/// The memory all request bodies may take together, shared by the loops. Space is taken before a body is read, so
/// a crowd of uploads waits at the door instead of failing half way.
final class BodyBudget: Sendable {
    private let limit: Int
    private let used = Atomic(0)
    private let isAwaited = Atomic(false)
    private let onRelease: @Sendable () -> Void

    /// `onRelease` is called when space comes free that somebody was refused before.
    init(limit: Int, onRelease: @escaping @Sendable () -> Void) {
        self.limit = limit
        self.onRelease = onRelease
    }

    var bytesInUse: Int { used.load(ordering: .relaxed) }

    /// Takes `count` bytes, or nothing and false. A single body larger than everything is let in when it is alone.
    func reserve(_ count: Int) -> Bool {
        var current = used.load(ordering: .relaxed)
        while true {
            if current > 0, current + count > limit {
                if isAwaited.exchange(true, ordering: .sequentiallyConsistent) { return false }
                // Space may have come free between the look and the note that we wait.
                current = used.load(ordering: .sequentiallyConsistent)
                if current > 0, current + count > limit { return false }
            }
            let (exchanged, original) = used.weakCompareExchange(
                expected: current, desired: current + count, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            current = original
        }
    }

    func release(_ count: Int) {
        guard count > 0 else { return }
        used.subtract(count, ordering: .sequentiallyConsistent)
        if isAwaited.exchange(false, ordering: .sequentiallyConsistent) { onRelease() }
    }
}
