import Domain
import Store
import Synchronization

/// When the store is looked at.
struct Rounds {
    var isLooking = false
    var reads = 0
    /// Where the next look goes on.
    var last: WebhookLane?
    /// When the next look is due by what the last one found, and not sooner than that.
    var next = Instant(milliseconds: 0)
    var notBefore = Instant(milliseconds: 0)
    /// The first of the tries that were put off since the last look began.
    var retryAt: Instant?
    var tidyAt = Instant(milliseconds: 0)
    /// After the store refused to read.
    var readsAgainAt = Instant(milliseconds: 0)

    /// Not for ever, for a hint may be missed.
    static let longest = Duration.seconds(2)
    /// A look costs a little for every lane with something waiting. It is taken for a tenth of the time at most.
    static func pause(after look: Duration) -> Duration { max(.milliseconds(5), look * 9) }

    func lookIsDue(_ isNews: Bool, _ now: Instant) -> Bool {
        !isLooking && now >= notBefore && (isNews || now >= min(next, retryAt ?? next))
    }
}

extension WebhookSender {
    /// Lanes found in one look.
    private static let lanesALook = 1024
    /// A lane that runs dry need not wait until another's mail is there.
    private static let readsAtOnce = 3

    /// Starts what may start now.
    func start(_ now: Instant) {
        if now >= rounds.tidyAt {
            board.tidy(now)
            rounds.tidyAt = now + Lane.freshness
        }
        if rounds.lookIsDue(isNews.load(ordering: .acquiring), now) {
            rounds.isLooking = true
            isNews.store(false, ordering: .releasing)
            Task { await look() }
        }
        let turn = board.turn(now, reads: rounds.reads < Self.readsAtOnce && now >= rounds.readsAgainAt)
        for (lane, item) in turn.starts { send(item, in: lane, now: now) }
        guard !turn.wishes.isEmpty else { return }
        rounds.reads += 1
        Task { await read(turn.wishes) }
    }

    /// How long there is nothing to do.
    func patience(_ now: Instant) -> Duration {
        guard !isDraining, !unrecorded.isHoldingBack else { return Rounds.longest }
        var end = now + (board.ahead > 0 ? Lane.freshness : Rounds.longest)
        if let rise = board.nextRise { end = min(end, rise) }
        if !rounds.isLooking {
            let due = isNews.load(ordering: .acquiring) ? now : min(rounds.next, rounds.retryAt ?? rounds.next)
            end = min(end, max(due, rounds.notBefore))
        }
        return max(.milliseconds(1), end - now)
    }

    private func look() async {
        let began = clock()
        rounds.retryAt = nil
        do {
            let found = try await store.dueLanes(after: rounds.last, limit: Self.lanesALook, now: began)
            let now = clock()
            for (lane, account) in found.lanes { board.found(lane, of: account) }
            rounds.last = found.last
            rounds.next = found.last == nil ? min(found.next ?? now + Rounds.longest, now + Rounds.longest) : now
            rounds.notBefore = now + Rounds.pause(after: now - began)
        } catch {
            onProblem(error)
            rounds.notBefore = clock() + Self.storePause
        }
        rounds.isLooking = false
        alarm.ring()
    }

    private func read(_ wishes: [LaneWish]) async {
        do {
            let now = clock()
            let mail = try await store.dueDeliveries(wishes, now: now)
            board.take(mail, now: clock())
        } catch {
            onProblem(error)
            board.readFailed(wishes)
            rounds.readsAgainAt = clock() + Self.storePause
        }
        rounds.reads -= 1
        alarm.ring()
    }

    private func send(_ item: DueDelivery, in lane: WebhookLane, now: Instant) {
        guard !item.secrets.isEmpty else {
            Task { await sendWithFirstSecret(item, in: lane) }
            return
        }
        let request = WebhookRequest.make(item, secrets: item.secrets, now: now, userAgent: settings.userAgent)
        courier.carry(request) { [answers, alarm] report in
            let answer = DeliveryAnswer(item: item, lane: lane, sentAt: now, report: report)
            if answers.put(answer) { alarm.ring() }
        }
    }

    /// The account has never been told anything at an address of a single task.
    private func sendWithFirstSecret(_ item: DueDelivery, in lane: WebhookLane) async {
        let fresh = WebhookSecret.make(.hmac, now: clock(), random: &random)
        do {
            let secret = try await store.defaultSecret(of: item.account) { fresh }
            send(item.signed(with: secret), in: lane, now: clock())
        } catch {
            // Nothing is sent unsigned.
            onProblem(error)
            let report = CourierReport(result: .givenUp, excerpt: [], milliseconds: 0)
            settle(DeliveryAnswer(item: item, lane: lane, sentAt: clock(), report: report), now: clock())
        }
    }

    /// How long the store is left alone when it refused.
    static let storePause = Duration.seconds(1)
}

extension DueDelivery {
    fileprivate func signed(with secret: WebhookSecret) -> DueDelivery {
        DueDelivery(
            delivery: delivery, account: account, event: event, endpoint: endpoint, secrets: [secret], trace: trace)
    }
}
