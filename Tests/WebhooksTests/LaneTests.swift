import Domain
import Store
import Testing

@testable import Webhooks

private let start = Instant(milliseconds: 1_760_000_000_000)

private func lane(_ number: UInt64) -> WebhookLane { .endpoint(EndpointID(high: 1, low: number)) }
private func account(_ number: UInt64) -> AccountID { AccountID(high: 2, low: number) }

/// `count` deliveries that a store could have read for a lane.
private func mail(_ name: WebhookLane, _ count: Int, perSecond: Double? = nil, isMore: Bool = true) -> LaneMail {
    guard case .endpoint(let id) = name else { fatalError("endpoints only") }
    let owner = account(id.low / 100)
    let endpoint = WebhookEndpoint(
        id: id, account: owner, url: "https://example.com/", description: "", kinds: [], headers: [:],
        requestsPerSecond: perSecond, concurrency: nil, createdAt: start)
    let deliveries = (0..<count).map { _ in
        let event = Event(id: .new(at: start), account: owner, kind: .ping, task: nil, at: start, body: [])
        let delivery = Delivery(id: .new(at: start), event: event.id, endpoint: id, url: endpoint.url, dueAt: start)
        return DueDelivery(delivery: delivery, account: owner, event: event, endpoint: endpoint, secrets: [])
    }
    return LaneMail(lane: name, deliveries: deliveries, isMore: isMore)
}

@Suite struct LaneBoardTests {
    /// A board and a store that never runs out, for lanes numbered a hundred times their account and more.
    private struct Endless {
        var board: LaneBoard
        var sent: [WebhookLane: [DeliveryID]] = [:]

        init(concurrency: Int, perLane: Int = 16) {
            board = LaneBoard(concurrency: concurrency, concurrencyPerLane: perLane)
        }

        mutating func want(_ numbers: some Sequence<UInt64>) {
            for number in numbers { board.found(lane(number), of: account(number / 100)) }
        }

        /// Until nothing more may go. Answers how many went.
        @discardableResult
        mutating func run(at now: Instant = start, perSecond: Double? = nil) -> Int {
            var count = 0
            while true {
                let turn = board.turn(now, reads: true)
                if turn.starts.isEmpty, turn.wishes.isEmpty { return count }
                for (name, item) in turn.starts { sent[name, default: []].append(item.delivery.id) }
                count += turn.starts.count
                board.take(turn.wishes.map { mail($0.lane, $0.limit, perSecond: perSecond) }, now: now)
            }
        }

        mutating func answer(_ name: WebhookLane, at now: Instant, _ consequence: (inout Lane) -> Void = { _ in }) {
            guard let id = sent[name]?.popLast() else { return }
            board.answered(in: name, milliseconds: 5, now: now, consequence)
            board.noted(id, in: name)
        }

        func sent(by number: UInt64) -> Int {
            sent.filter { if case .endpoint(let id) = $0.key { id.low / 100 == number } else { false } }.values
                .reduce(0) { $0 + $1.count }
        }
    }

    @Test func `one account's slow receivers leave most slots to others`() {
        var rig = Endless(concurrency: 512)
        rig.want(100..<140)
        rig.run()
        #expect(rig.sent(by: 1) <= 171 && rig.sent(by: 1) >= 100)
        rig.want(200..<201)
        #expect(rig.run() == 16, "whoever comes next has all that a lane may have")
    }

    @Test func `ten greedy accounts leave room for the eleventh`() {
        var rig = Endless(concurrency: 512)
        for number in UInt64(1)...10 { rig.want(number * 100..<number * 100 + 9) }
        rig.run()
        #expect((UInt64(1)...10).allSatisfy { rig.sent(by: $0) >= 9 })
        rig.want(1100..<1101)
        #expect(rig.run() >= 4)
    }

    @Test func `beside forty stuck receivers of its account a healthy one gets in`() {
        var rig = Endless(concurrency: 512)
        rig.want(100..<140)
        rig.run()
        rig.want([150])
        #expect(rig.run() >= 1)
    }

    @Test(arguments: [(1, 1), (2, 1), (12, 1), (13, 1), (14, 2), (512, 40)])
    func `one lane alone may have some, and always one`(slots: Int, expected: Int) {
        var rig = Endless(concurrency: slots, perLane: 1000)
        rig.want(100..<101)
        #expect(rig.run() == expected)
    }

    @Test func `slots that come back go to whoever has fewer`() {
        var rig = Endless(concurrency: 60)
        rig.want(100..<130)
        rig.run()
        let had = rig.sent(by: 1)
        rig.want(200..<230)
        rig.run()
        for number in UInt64(100)..<130 { rig.answer(lane(number), at: start) }
        rig.run()
        #expect(rig.sent(by: 1) < had && rig.sent(by: 2) > 0)
    }

    @Test func `a lane held back by its rate is neither asked for nor sent to until its time`() {
        var rig = Endless(concurrency: 512)
        rig.want(100..<101)
        #expect(rig.run(perSecond: 2) == 1)
        rig.answer(lane(100), at: start)
        #expect(rig.run(at: start + .milliseconds(400), perSecond: 2) == 0)
        #expect(rig.board.nextRise == start + .milliseconds(500))
        #expect(rig.run(at: start + .milliseconds(500), perSecond: 2) == 1)
    }

    @Test func `what was read a while ago is read again before it is sent`() {
        var board = LaneBoard(concurrency: 512, concurrencyPerLane: 1)
        board.found(lane(100), of: account(1))
        #expect(board.turn(start, reads: true).wishes.count == 1)
        board.take([mail(lane(100), 3, isMore: false)], now: start)
        #expect(board.turn(start, reads: true).starts.count == 1)
        #expect(board.ahead == 2)
        let later = start + Lane.freshness + .milliseconds(1)
        board.tidy(later)
        #expect(board.ahead == 0)
        board.answered(in: lane(100), milliseconds: 900, now: later) { _ in }
        let turn = board.turn(later, reads: true)
        #expect(turn.starts.isEmpty)
        // The one that was sent is not noted yet: it must not be read again.
        #expect(turn.wishes.map(\.except.count) == [1])
    }

    @Test func `lanes are forgotten when nothing has to be remembered of them`() {
        var rig = Endless(concurrency: 512, perLane: 1)
        rig.want(100..<110)
        rig.run()
        var now = start
        for number in UInt64(100)..<110 {
            rig.answer(lane(number), at: now) {
                $0.isDue = false
                if number < 105 { $0.slow(for: .seconds(5), by: .standard, now: now) }
                $0.isDue = false
            }
        }
        rig.board.tidy(now)
        #expect(rig.board.laneCount == 5, "the slow ones are remembered")
        now = now + .seconds(6)
        rig.board.tidy(now)
        #expect(rig.board.laneCount == 5)
        now = now + .seconds(3600)
        _ = rig.board.turn(now, reads: true)
        rig.board.tidy(now)
        #expect(rig.board.laneCount == 0)
        #expect(rig.board.onWire == 0 && rig.board.ahead == 0)
    }
}

@Suite struct LanePauseTests {
    @Test func `an old delivery's next try does not silence a whole endpoint`() {
        var pause = LanePause()
        pause.strike(wish: .seconds(72_000), schedule: .standard, now: start)
        #expect(pause.until == start + .seconds(10), "twice what a fresh delivery would wait")
        var now = start + .seconds(11)
        for _ in 0..<20 {
            pause.strike(wish: .seconds(72_000), schedule: .standard, now: now)
            #expect(pause.until.map { $0 <= now + LanePause.longest } == true)
            now = now + .seconds(61)
        }
    }

    @Test func `what was on the wire together counts once`() {
        var pause = LanePause()
        for _ in 0..<16 { pause.strike(wish: .seconds(5), schedule: .standard, now: start) }
        #expect(pause.strikes == 1 && pause.until == start + .seconds(5))
    }

    @Test func `a receiver that was slow gets one at a time until something gets through`() {
        var lane = Lane(account: account(1), concurrency: 16)
        lane.slow(for: .seconds(5), by: .standard, now: start)
        lane.take(mail(.endpoint(EndpointID(high: 1, low: 100)), 20), concurrency: 16, now: start)
        #expect(lane.next(start) == nil)
        let later = start + .seconds(5)
        lane.take(mail(.endpoint(EndpointID(high: 1, low: 100)), 20), concurrency: 16, now: later)
        #expect(lane.next(later) != nil)
        #expect(lane.next(later) == nil)
        lane.answered(in: 3)
        lane.gotThrough(later)
        #expect((0..<20).filter { _ in lane.next(later) != nil }.count == 16)
    }

    @Test func `a success that was on the wire before does not end a pause`() {
        var lane = Lane(account: account(1), concurrency: 16)
        lane.slow(for: .seconds(5), by: .standard, now: start)
        lane.gotThrough(start + .seconds(1))
        #expect(lane.restsUntil(start + .seconds(1)) == start + .seconds(5))
    }
}
