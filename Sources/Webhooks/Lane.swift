import Domain
import Store

/// How much may be sent to one receiver now; pure. It lives in memory only: after a restart every receiver
/// starts afresh, and what waits is in the store.
struct Lane: Sendable {
    private(set) var inFlight: Set<DeliveryID> = []
    private(set) var concurrency: Int
    private var bucket: TokenBucket?
    private(set) var slowUntil: Instant?

    init(concurrency: Int) { self.concurrency = concurrency }

    /// Takes over what the endpoint's owner set, keeping what is under way.
    mutating func configure(concurrency: Int, perSecond: Double?, now: Instant) {
        self.concurrency = concurrency
        if bucket?.perSecond != perSecond {
            // A burst of one: "5 a second" means one each 200 ms, which is what a receiver that asks for it wants.
            bucket = perSecond.map { TokenBucket(perSecond: $0, burst: 1, now: now) }
        }
    }

    func isSlow(_ now: Instant) -> Bool { slowUntil.map { now < $0 } ?? false }

    var isFull: Bool { inFlight.count >= concurrency }

    var isIdle: Bool { inFlight.isEmpty && slowUntil == nil && bucket == nil }

    /// Whether this one may go now; if the rate forbids it, how long until it may.
    mutating func admit(_ id: DeliveryID, now: Instant) -> Duration? {
        if let wait = bucket?.take(now: now) { return wait }
        inFlight.insert(id)
        return nil
    }

    mutating func finished(_ id: DeliveryID) { inFlight.remove(id) }

    mutating func slow(until: Instant) { slowUntil = max(slowUntil ?? until, until) }

    mutating func recovered() { slowUntil = nil }
}
