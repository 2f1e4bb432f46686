/// When each connection is next due, to a coarse tick: a hashed wheel of lists threaded through arrays, so that
/// setting and cancelling cost a few stores however many connections there are. A pure value; time comes in.
///
/// An entry may fire early, never late by more than a tick: whoever is told checks the real deadline and sets again.
/// So a deadline that moves later needs no call at all.
struct TimerWheel {
    /// A tick is 64 ms: fine enough for limits in seconds.
    private static let tickShift = 6
    private static let size = 2048
    private static let none: Int32 = -1

    private var heads = [Int32](repeating: none, count: size)
    private var next: [Int32] = []
    private var previous: [Int32] = []
    /// The tick each entry is set for; 0 when it is not set.
    private var ticks: [UInt64] = []
    /// The last tick that has been expired.
    private var current: UInt64
    private var count = 0

    init(now: UInt64) { current = now >> Self.tickShift }

    /// Sets `entry` to fire at or before `deadline` (milliseconds); does nothing if it already fires earlier.
    mutating func set(_ entry: Int, deadline: UInt64) {
        while ticks.count <= entry {
            next.append(Self.none)
            previous.append(Self.none)
            ticks.append(0)
        }
        let wanted = (deadline >> Self.tickShift) + 1
        let tick = min(max(wanted, current + 1), current + UInt64(Self.size) - 1)
        if ticks[entry] != 0 {
            if ticks[entry] <= tick { return }
            unlink(entry)
        }
        let bucket = Int(tick) & (Self.size - 1)
        let head = heads[bucket]
        next[entry] = head
        previous[entry] = Self.none
        if head != Self.none { previous[Int(head)] = Int32(entry) }
        heads[bucket] = Int32(entry)
        ticks[entry] = tick
        count += 1
    }

    mutating func cancel(_ entry: Int) {
        guard entry < ticks.count, ticks[entry] != 0 else { return }
        unlink(entry)
    }

    /// Takes every entry due by `now` out of the wheel and appends it to `due`.
    mutating func expire(now: UInt64, into due: inout [Int]) {
        let tick = now >> Self.tickShift
        guard tick > current else { return }
        let first = current + 1
        let last = min(tick, current + UInt64(Self.size))
        current = tick
        guard count > 0 else { return }
        for tick in first...last {
            let bucket = Int(tick) & (Self.size - 1)
            while heads[bucket] != Self.none {
                let entry = Int(heads[bucket])
                unlink(entry)
                due.append(entry)
            }
        }
    }

    /// When the next entry fires, in milliseconds; `nil` when none is set.
    func nextDue() -> UInt64? {
        guard count > 0 else { return nil }
        for offset in 1..<UInt64(Self.size) where heads[Int(current + offset) & (Self.size - 1)] != Self.none {
            return (current + offset) << Self.tickShift
        }
        return nil
    }

    private mutating func unlink(_ entry: Int) {
        let bucket = Int(ticks[entry]) & (Self.size - 1)
        let before = previous[entry]
        let after = next[entry]
        if before == Self.none { heads[bucket] = after } else { next[Int(before)] = after }
        if after != Self.none { previous[Int(after)] = before }
        ticks[entry] = 0
        count -= 1
    }
}
