import Domain
import Testing

@Suite struct TokenBucketTests {
    private let start = Instant(milliseconds: 1_760_000_000_000)

    @Test func `a burst is there at once, then the rate decides`() {
        var bucket = TokenBucket(perSecond: 2, burst: 3, now: start)
        for _ in 0..<3 { #expect(bucket.take(now: start) == nil) }
        #expect(bucket.take(now: start) == .milliseconds(500))
        #expect(bucket.take(now: start + .milliseconds(500)) == nil)
        #expect(bucket.take(now: start + .milliseconds(600)) == .milliseconds(400))
        #expect(bucket.available(now: start + .seconds(60)) == 3)
    }

    @Test func `drained until a moment, it fills only from then on`() {
        var bucket = TokenBucket(perSecond: 1, burst: 5, now: start)
        bucket.drain(until: start + .seconds(10))
        #expect(bucket.available(now: start + .seconds(10)) == 0)
        #expect(bucket.take(now: start + .seconds(11)) == nil)
    }

    @Test func `a clock that steps back changes nothing`() {
        var bucket = TokenBucket(perSecond: 1, burst: 1, now: start)
        #expect(bucket.take(now: start) == nil)
        #expect(bucket.take(now: start - .seconds(86_400)) != nil)
        #expect(bucket.take(now: start + .seconds(1)) == nil)
    }
}
