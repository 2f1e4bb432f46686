import Domain
import HTTP
import Testing

@testable import API

struct RateLimiterTests {
    private let start = Instant(milliseconds: 1_000_000)
    private let key = KeyID(high: 1, low: 1)
    private let account = AccountID(high: 2, low: 2)

    @Test func `allows a minute's worth at once and then one at a time`() {
        let limiter = RateLimiter()
        for left in stride(from: 2, through: 0, by: -1) {
            let verdict = limiter.take(.reader(key), perMinute: 3, now: start)
            #expect(verdict.isAllowed && verdict.remaining == left)
        }
        let refused = limiter.take(.reader(key), perMinute: 3, now: start)
        #expect(!refused.isAllowed && refused.retryAfter == 20)
        #expect(!limiter.take(.reader(key), perMinute: 3, now: start + .seconds(19)).isAllowed)
        #expect(limiter.take(.reader(key), perMinute: 3, now: start + .seconds(21)).isAllowed)
    }

    @Test func `says what it says in the fields of the draft`() {
        let verdict = RateLimit.Verdict(isAllowed: false, limit: 600, remaining: 0, retryAfter: 2)
        #expect(verdict.headers["RateLimit"] == "\"minute\";r=0;t=2")
        #expect(verdict.headers["RateLimit-Policy"] == "\"minute\";q=600;w=60")
    }

    @Test func `is not emptied by a clock that steps back, nor overfilled by one that leaps`() {
        let limiter = RateLimiter()
        #expect(limiter.take(.reader(key), perMinute: 2, now: start).isAllowed)
        #expect(limiter.take(.reader(key), perMinute: 2, now: start - .seconds(86_400)).isAllowed)
        let later = start + .seconds(86_400)
        #expect(limiter.take(.reader(key), perMinute: 2, now: later).remaining == 1)
    }

    @Test func `holds no more than its room, and keeps customers when strangers flood it`() {
        let limiter = RateLimiter()
        #expect(limiter.take(.account(account), perMinute: 1, now: start).isAllowed)
        for address in 0..<200_000 {
            _ = limiter.take(.stranger(UInt64(address)), perMinute: 10, now: start)
        }
        #expect(!limiter.take(.account(account), perMinute: 1, now: start).isAllowed)
    }

    @Test func `allows nothing at a limit of nothing`() {
        #expect(!RateLimiter().take(.reader(key), perMinute: 0, now: start).isAllowed)
    }
}
