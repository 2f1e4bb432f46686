import Domain
import Store

/// All receivers that something is due for or was sent to a moment ago, and who may be sent something next; pure.
///
/// Slots are shared by what is left of them (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Transactions on
/// Networking 6(2), 1998): an account may have a quarter as many as are free, a lane half as many as its account may
/// still take. A slot that is taken may stay taken for as long as a request may last, so some must always be left:
/// one account alone fills a fifth of all slots, and ten greedy ones leave a tenth. Within an account, a lane that has
/// none may still take one beyond that share, up to a third of all, so that a healthy receiver gets in beside many dead
/// ones.
struct LaneBoard: Sendable {
    struct Turn: Sendable {
        var starts: [(lane: WebhookLane, item: DueDelivery)] = []
        var wishes: [LaneWish] = []
    }

    /// All slots.
    var concurrency: Int
    /// One lane's, unless its owner says otherwise.
    var concurrencyPerLane: Int
    private(set) var onWire = 0
    /// Read and not sent.
    private(set) var ahead = 0
    private var lanes: [WebhookLane: Lane] = [:]
    private var shares: [AccountID: Int] = [:]
    /// Those that may have something to do now, in turn.
    private var queue: [WebhookLane] = []
    /// Those that had better rest, and until when.
    private var resting: [WebhookLane: Instant] = [:]

    init(concurrency: Int, concurrencyPerLane: Int) {
        self.concurrency = concurrency
        self.concurrencyPerLane = concurrencyPerLane
    }

    /// Bodies have 20 kB at most, so this bounds what is read ahead to some 20 MB; mostly it is one.
    static let mostAhead = 1024
    /// One look at the store is short, so that its other readers get their turn.
    private static let lanesARead = 64

    var laneCount: Int { lanes.count }
    /// When the first of those that rest may go on.
    private(set) var nextRise: Instant?

    /// The store has something due there.
    mutating func found(_ lane: WebhookLane, of account: AccountID) {
        change(lane, of: account) { $0.isDue = true }
        queueUp(lane)
    }

    /// What may go now, and what had better be read. `reads` is false while the last wishes are not fulfilled yet.
    mutating func turn(_ now: Instant, reads: Bool) -> Turn {
        rouse(now)
        var turn = Turn()
        let all = queue
        queue = []
        var room = Self.mostAhead - ahead
        for name in all {
            // In place: a copy of a lane would copy what is in it at the first change.
            guard let at = lanes.index(forKey: name) else { continue }
            let account = lanes.values[at].account
            let before = lanes.values[at].aheadCount
            var mayStart = hasRoom(lanes.values[at])
            while mayStart, let item = lanes.values[at].next(now) {
                onWire += 1
                shares[account, default: 0] += 1
                turn.starts.append((name, item))
                mayStart = hasRoom(lanes.values[at])
            }
            lanes.values[at].dropStale(now)
            ahead += lanes.values[at].aheadCount - before
            lanes.values[at].isQueued = false
            if let until = lanes.values[at].restsUntil(now) {
                rest(name, until: until)
                continue
            }
            // What could not go now would only take the place of what could.
            let wish = mayStart && reads ? min(lanes.values[at].wish(now), room) : 0
            if wish > 0, turn.wishes.count < Self.lanesARead {
                turn.wishes.append(LaneWish(lane: name, limit: wish, except: lanes.values[at].names))
                lanes.values[at].isBeingRead = true
                room -= wish
            }
            // A lane that is full or empty comes back with an answer, with mail or with the next look.
            guard lanes.values[at].hasMore, !lanes.values[at].isFull else { continue }
            lanes.values[at].isQueued = true
            queue.append(name)
        }
        return turn
    }

    mutating func take(_ mail: [LaneMail], now: Instant) {
        let standard = concurrencyPerLane
        for mail in mail {
            change(mail.lane) { $0.take(mail, concurrency: standard, now: now) }
            queueUp(mail.lane)
        }
    }

    /// What was wished for did not come.
    mutating func readFailed(_ wishes: [LaneWish]) {
        for wish in wishes {
            change(wish.lane) { $0.isBeingRead = false }
            queueUp(wish.lane)
        }
    }

    /// It is off the wire, with `consequence` for its lane.
    mutating func answered(
        in name: WebhookLane, milliseconds: Int64, now: Instant, _ consequence: (inout Lane) -> Void
    ) {
        guard let account = lanes[name]?.account else { return }
        onWire -= 1
        let share = (shares[account] ?? 1) - 1
        shares[account] = share > 0 ? share : nil
        change(name) {
            $0.answered(in: milliseconds)
            consequence(&$0)
        }
        queueUp(name)
    }

    mutating func noted(_ id: DeliveryID, in name: WebhookLane) { change(name) { $0.noted(id) } }

    /// Lets go of what was read too long ago, and of lanes that nothing needs to be remembered of.
    mutating func tidy(_ now: Instant) {
        for name in Array(lanes.keys) {
            change(name) { $0.dropStale(now) }
            if lanes[name]?.isForgettable(now) == true { lanes[name] = nil } else { queueUp(name) }
        }
    }

    private func hasRoom(_ lane: Lane) -> Bool {
        let (free, share) = (concurrency - onWire, shares[lane.account, default: 0])
        return lane.onWire == 0 ? 2 * share < free : 8 * lane.onWire + 4 * share < free
    }

    private mutating func rest(_ name: WebhookLane, until: Instant) {
        resting[name] = until
        nextRise = min(nextRise ?? until, until)
    }

    private mutating func rouse(_ now: Instant) {
        guard let first = nextRise, first <= now else { return }
        nextRise = nil
        for (name, until) in resting {
            if until <= now {
                resting[name] = nil
                queueUp(name)
            } else {
                nextRise = min(nextRise ?? until, until)
            }
        }
    }

    private mutating func queueUp(_ name: WebhookLane) {
        guard let at = lanes.index(forKey: name), resting[name] == nil else { return }
        guard lanes.values[at].hasMore, !lanes.values[at].isQueued else { return }
        lanes.values[at].isQueued = true
        queue.append(name)
    }

    private mutating func change(_ name: WebhookLane, of account: AccountID? = nil, _ body: (inout Lane) -> Void) {
        if lanes[name] == nil, let account {
            lanes[name] = Lane(account: account, concurrency: concurrencyPerLane)
        }
        guard let at = lanes.index(forKey: name) else { return }
        let before = lanes.values[at].aheadCount
        body(&lanes.values[at])
        ahead += lanes.values[at].aheadCount - before
    }
}
