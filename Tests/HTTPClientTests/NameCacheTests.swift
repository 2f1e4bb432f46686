import HTTP
import Testing

@testable import HTTPClient

@Suite struct NameCacheTests {
    private let t0 = ContinuousClock.now
    private let here = LookupAnswer.addresses([NetworkAddress(v4: 0x0808_0808)])

    @Test func `the first who wants a name starts the lookup, the others share it`() {
        var cache = NameCache()
        #expect(cache.want("a", for: 1, now: t0) == .wait(isFirst: true))
        #expect(cache.want("a", for: 2, now: t0) == .wait(isFirst: false))
        #expect(cache.want("b", for: 3, now: t0) == .wait(isFirst: true))
        #expect(cache.note(here, for: "a", now: t0) == [1, 2])
        #expect(cache.want("a", for: 4, now: t0) == .addresses([NetworkAddress(v4: 0x0808_0808)]))
        #expect(cache.want("b", for: 5, now: t0) == .wait(isFirst: false))
    }

    @Test func `an answer is believed for its time, a missing name for a shorter one`() {
        var cache = NameCache()
        _ = cache.note(here, for: "a", now: t0)
        _ = cache.note(.none("gone"), for: "b", now: t0)
        #expect(cache.want("b", for: 1, now: t0) == .none("gone"))
        #expect(cache.want("b", for: 1, now: t0 + NameCache.unknownFor) == .wait(isFirst: true))
        #expect(cache.want("a", for: 2, now: t0 + .seconds(59)) == .addresses([NetworkAddress(v4: 0x0808_0808)]))
        #expect(cache.want("a", for: 2, now: t0 + NameCache.knownFor) == .wait(isFirst: true))
    }

    @Test func `it holds a bounded number of names, and never forgets who waits`() {
        var cache = NameCache()
        _ = cache.want("waiting", for: 7, now: t0)
        for index in 0..<5000 { _ = cache.note(here, for: "host\(index)", now: t0) }
        #expect(cache.count <= NameCache.limit + 1)
        #expect(cache.note(here, for: "waiting", now: t0) == [7])
    }

    @Test func `a name with a thousand addresses keeps a few`() {
        var cache = NameCache()
        let many = (0..<1000).map { NetworkAddress(v4: 0x0800_0000 + UInt32($0)) }
        _ = cache.note(.addresses(many), for: "a", now: t0)
        #expect(cache.want("a", for: 1, now: t0) == .addresses(Array(many.prefix(NameCache.addressLimit))))
    }
}
