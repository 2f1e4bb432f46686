import Domain
import Store

/// One receiver: what is on its way there, and how much more it may be sent now; pure. It lives in memory only: after a
/// restart every receiver starts afresh, and what waits is in the store.
struct Lane: Sendable {
    /// Whose share of the slots it uses.
    let account: AccountID
    /// The store may have something due.
    var isDue = false
    /// Asked for, not come yet.
    var isBeingRead = false
    /// It stands in line.
    var isQueued = false
    /// Taken from the store, not sent yet; the first is the last.
    private var ahead: [DueDelivery] = []
    private var readAt = Instant(milliseconds: 0)
    private(set) var onWire = 0
    /// On the wire, or tried and not noted yet: the store still counts them among what is due.
    private(set) var busy: Set<DeliveryID> = []
    private var concurrency: Int
    private var bucket: TokenBucket?
    private var throttledUntil: Instant?
    private(set) var pause = LanePause()
    /// Its last answer came quickly, so that reading one by one would hold it up.
    private var isQuick = false

    init(account: AccountID, concurrency: Int) {
        self.account = account
        self.concurrency = concurrency
    }

    /// What was read is sent within this time or read again: it may have been deleted, moved or turned off meanwhile.
    static let freshness = Duration.milliseconds(250)
    /// Rounds of a quick lane that are read at once.
    private static let roundsAhead = 8

    var aheadCount: Int { ahead.count }
    /// Those that are not to be read again.
    var names: Set<DeliveryID> { busy.union(ahead.map(\.delivery.id)) }
    var isFull: Bool { onWire >= limit }
    var hasMore: Bool { !ahead.isEmpty || isDue && !isBeingRead }
    private var limit: Int { pause.isProbing ? 1 : concurrency }

    /// When it may be sent something again, if not now.
    func restsUntil(_ now: Instant) -> Instant? {
        guard let until = later(pause.until, throttledUntil), now < until else { return nil }
        return until
    }

    /// Nothing needs to be remembered of it.
    mutating func isForgettable(_ now: Instant) -> Bool {
        guard !isDue, !isBeingRead, !isQueued, busy.isEmpty, ahead.isEmpty, pause.isForgettable(now) else {
            return false
        }
        // A bucket that is not full has been taken from, and must not be made anew.
        return bucket?.isFull(now) ?? true
    }

    /// How many to ask the store for. A quick lane asks while it is full, so that it need not wait for the store.
    mutating func wish(_ now: Instant) -> Int {
        guard isDue, !isBeingRead, isQuick || !isFull else { return 0 }
        var most = isQuick ? limit * Self.roundsAhead : limit - onWire
        if let tokens = bucket?.available(now: now) { most = min(most, max(1, tokens)) }
        let missing = most - ahead.count
        return ahead.isEmpty || missing > most / 3 ? missing : 0
    }

    /// Takes over what came, and what the endpoint's owner has set.
    mutating func take(_ mail: LaneMail, concurrency standard: Int, now: Instant) {
        isBeingRead = false
        isDue = mail.isMore
        guard let first = mail.deliveries.first else { return }
        concurrency = first.endpoint?.concurrency ?? standard
        throttle(first.endpoint?.requestsPerSecond, now: now)
        ahead = mail.deliveries.reversed() + ahead
        readAt = now
    }

    private mutating func throttle(_ perSecond: Double?, now: Instant) {
        guard bucket?.perSecond != perSecond else { return }
        throttledUntil = nil
        // "5 a second" is one each 200 ms, which is what a receiver that asks for it wants; but a clock of milliseconds
        // and a loop that others keep busy could not keep up with 1000 a second one by one.
        bucket = perSecond.map { TokenBucket(perSecond: $0, burst: max(1, $0 / 20), now: now) }
    }

    /// The next that may go now.
    mutating func next(_ now: Instant) -> DueDelivery? {
        guard !isFull, restsUntil(now) == nil, !ahead.isEmpty else { return nil }
        dropStale(now)
        guard !ahead.isEmpty else { return nil }
        if let wait = bucket?.take(now: now) {
            throttledUntil = now + wait
            return nil
        }
        guard let item = ahead.popLast() else { return nil }
        onWire += 1
        busy.insert(item.delivery.id)
        return item
    }

    mutating func dropStale(_ now: Instant) {
        if !ahead.isEmpty, now - readAt > Self.freshness { dropAhead() }
    }

    private mutating func dropAhead() {
        isDue = isDue || !ahead.isEmpty
        ahead = []
    }

    mutating func answered(in milliseconds: Int64) {
        onWire -= 1
        isQuick = milliseconds < Self.freshness.wholeMilliseconds / 2
    }

    /// The store knows of it, or it was never sent.
    mutating func noted(_ id: DeliveryID) { busy.remove(id) }

    /// What was on the wire before it asked to be spared says nothing about how it is now.
    mutating func gotThrough(_ now: Instant) {
        if pause.until.map({ $0 <= now }) ?? true { pause = LanePause() }
    }

    mutating func slow(for wish: Duration?, by schedule: RetrySchedule, now: Instant) {
        pause.strike(wish: wish, schedule: schedule, now: now)
        dropAhead()
    }

    mutating func rest(until: Instant) {
        pause.rest(until: until)
        dropAhead()
    }
}

private func later(_ one: Instant?, _ other: Instant?) -> Instant? {
    guard let one, let other else { return one ?? other }
    return max(one, other)
}

extension TokenBucket {
    fileprivate mutating func isFull(_ now: Instant) -> Bool { available(now: now) >= Int(burst) }
}
