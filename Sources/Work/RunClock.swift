import Domain
import Glibc

/// The time of one run of the gateway: the wall clock as it was at start, moved on by the clock that never
/// steps. Setting the machine's clock by a day neither refunds a task early nor keeps it for ever; the next run
/// reads the wall again.
package struct RunClock: Sendable {
    private let source: @Sendable () -> Instant

    package init(_ source: @escaping @Sendable () -> Instant) { self.source = source }

    package func now() -> Instant { source() }

    /// CLOCK_BOOTTIME counts on while the machine sleeps or the process is stopped: deadlines of paid work go on.
    package static func system() -> RunClock {
        let offset = milliseconds(CLOCK_REALTIME) - milliseconds(CLOCK_BOOTTIME)
        return RunClock { Instant(milliseconds: offset + milliseconds(CLOCK_BOOTTIME)) }
    }

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}
