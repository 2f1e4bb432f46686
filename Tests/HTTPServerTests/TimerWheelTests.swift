import Testing

@testable import HTTPServer

@Suite struct `Timer wheel` {
    @Test func `fires every entry at its deadline or just after, whatever moves in between`() {
        var wheel = TimerWheel(now: 1_000_000)
        var generator = SystemRandomNumberGenerator()
        var deadlines: [Int: UInt64] = [:]
        var now: UInt64 = 1_000_000
        for _ in 0..<3000 {
            let entry = Int.random(in: 0..<50, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                wheel.cancel(entry)
                deadlines[entry] = nil
            default:
                let deadline = now + UInt64.random(in: 0...400_000, using: &generator)
                deadlines[entry] = deadline
                wheel.set(entry, deadline: deadline)
            }
            now += UInt64.random(in: 0...500, using: &generator)
            if let next = wheel.nextDue() { #expect(deadlines.values.allSatisfy { $0 >= now || next <= now + 128 }) }
            var due: [Int] = []
            wheel.expire(now: now, into: &due)
            for entry in due {
                guard let deadline = deadlines[entry] else {
                    Issue.record("a cancelled entry fired")
                    continue
                }
                if deadline > now { wheel.set(entry, deadline: deadline) } else { deadlines[entry] = nil }
            }
            // Nothing is late by more than two ticks.
            #expect(deadlines.values.allSatisfy { $0 + 128 > now })
        }
        #expect(!deadlines.isEmpty)
    }

    @Test func `has nothing due when empty`() {
        var wheel = TimerWheel(now: 0)
        #expect(wheel.nextDue() == nil)
        wheel.set(3, deadline: 1000)
        #expect(wheel.nextDue().map { (1000...1128).contains($0) } == true)
        wheel.cancel(3)
        #expect(wheel.nextDue() == nil)
        var due: [Int] = []
        wheel.expire(now: 1_000_000, into: &due)
        #expect(due.isEmpty)
    }
}
