import Domain
import Testing

@testable import Work

@Suite struct CircuitBreakerTests {
    private let start = Instant(milliseconds: 1_760_000_000_000)

    @Test func `opens when most of enough answers are failures`() {
        var breaker = CircuitBreaker()
        for second in 0..<10 {
            // Never more than three failures in a row, seven of ten in all.
            let now = start + .seconds(second)
            if second % 3 == 2 { breaker.succeed(at: now) } else { breaker.fail(at: now, because: "500") }
        }
        #expect(breaker.state(at: start + .seconds(9)) == .open(until: start + .seconds(24)))
        #expect(breaker.reason == "500")
    }

    @Test func `stays closed while the window holds too few answers`() {
        var breaker = CircuitBreaker()
        for second in 0..<4 { breaker.fail(at: start + .seconds(second), because: "500") }
        #expect(breaker.obstacle(at: start + .seconds(4)) == nil)
    }

    @Test func `failures in a row open it at a quiet provider`() {
        var breaker = CircuitBreaker()
        for hour in 0..<5 { breaker.fail(at: start + .seconds(hour * 3600), because: "unreachable") }
        #expect(breaker.obstacle(at: start + .seconds(4 * 3600)) != nil)
    }

    @Test func `old failures leave the window`() {
        var breaker = CircuitBreaker(.init(inARow: 100))
        for second in 0..<9 { breaker.fail(at: start + .seconds(second), because: "500") }
        breaker.fail(at: start + .seconds(400), because: "500")
        #expect(breaker.obstacle(at: start + .seconds(400)) == nil)
    }

    @Test func `half open, one probe goes at a time and decides`() throws {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.fail(at: start, because: "500") }
        let later = start + .seconds(15)
        #expect(breaker.state(at: later) == .halfOpen)
        #expect(breaker.obstacle(at: later) == nil)
        breaker.begin(at: later)
        #expect(breaker.obstacle(at: later) != nil, "a second one waits for the first")
        breaker.fail(at: later + .seconds(1), because: "still 500")
        // Twice as long now.
        #expect(breaker.state(at: later + .seconds(1)) == .open(until: later + .seconds(31)))
        let again = later + .seconds(31)
        breaker.begin(at: again)
        breaker.succeed(at: again + .seconds(1))
        #expect(breaker.state(at: again + .seconds(1)) == .closed)
    }

    @Test func `a probe that never reports back does not block for ever`() {
        var breaker = CircuitBreaker()
        for _ in 0..<5 { breaker.fail(at: start, because: "500") }
        breaker.begin(at: start + .seconds(15))
        #expect(breaker.obstacle(at: start + .seconds(16)) != nil)
        #expect(breaker.obstacle(at: start + .seconds(15 + 300)) == nil)
    }

    @Test func `what will not mend soon opens it for long`() {
        var breaker = CircuitBreaker()
        breaker.trip(at: start, because: "401")
        #expect(breaker.state(at: start) == .open(until: start + .seconds(300)))
        // Looks at what runs there are refused as well, every few seconds: they must not put off the probe.
        breaker.trip(at: start + .seconds(200), because: "401")
        #expect(breaker.state(at: start + .seconds(300)) == .halfOpen)
    }
}

@Suite struct RateGateTests {
    private let start = Instant(milliseconds: 1_760_000_000_000)

    @Test func `lets a burst through, then one at a time`() {
        var gate = RateGate(.perMinute(3))
        for _ in 0..<3 {
            #expect(gate.obstacle(at: start) == nil)
            gate.take(at: start)
        }
        #expect(gate.obstacle(at: start) == start + .seconds(20))
        #expect(gate.obstacle(at: start + .seconds(20)) == nil)
        gate.take(at: start + .seconds(20))
        #expect(gate.obstacle(at: start + .seconds(20)) == start + .seconds(40))
    }

    @Test func `leaves calls for others when asked to`() {
        var gate = RateGate(.perMinute(3))
        gate.take(at: start)
        gate.take(at: start)
        #expect(gate.obstacle(at: start) == nil)
        #expect(gate.obstacle(at: start, keeping: 1) == start + .seconds(20))
    }

    @Test func `a rate of one still goes when something is to be kept`() {
        var gate = RateGate(.init(burst: 1, interval: .seconds(20)))
        #expect(gate.obstacle(at: start, keeping: 1) == nil)
        gate.take(at: start)
        #expect(gate.obstacle(at: start, keeping: 1) == start + .seconds(20))
    }

    @Test func `pauses as long as it was told, and longer each time when it was not`() {
        var gate = RateGate()
        gate.pause(at: start, for: .seconds(7), unit: .seconds(2))
        #expect(gate.obstacle(at: start) == start + .seconds(7))
        var now = start + .seconds(7)
        for expected in [2, 4, 8] {
            gate.pause(at: now, for: nil, unit: .seconds(2))
            #expect(gate.obstacle(at: now) == now + .seconds(expected))
            now = now + .seconds(expected)
        }
        gate.resume()
        gate.pause(at: now, for: nil, unit: .seconds(2))
        #expect(gate.obstacle(at: now) == now + .seconds(2), "an accepted call starts it anew")
    }
}
