import Domain
import Store
import Synchronization
import Testing

@testable import Work

@Suite struct AgendaTests {
    private static let start = Instant(milliseconds: 1_760_000_000_000)
    private let a = key(1)
    private let b = key(2)
    private let c = key(3)

    private static func key(_ number: UInt64, slot: Int = 0) -> SlotKey {
        SlotKey(TaskID(high: 0x7000, low: 0x8000_0000_0000_0000 | number), slot)
    }

    private func at(_ milliseconds: Int64) -> Instant {
        Instant(milliseconds: Self.start.milliseconds + milliseconds)
    }

    @Test func `those that are due come out, earliest first, and only once`() {
        let agenda = Agenda()
        agenda.set(b, at: at(20))
        agenda.set(c, at: at(30))
        agenda.set(a, at: at(10))
        #expect(agenda.take(10, at: at(9)) == [])
        #expect(agenda.take(10, at: at(20)) == [a, b])
        #expect(agenda.take(10, at: at(20)) == [])
        #expect(!agenda.knows(a) && agenda.knows(c))
        #expect(agenda.take(10, at: at(30)) == [c])
    }

    @Test func `two slots of one task are two entries`() {
        let agenda = Agenda()
        agenda.set(Self.key(1, slot: 0), at: at(1))
        agenda.set(Self.key(1, slot: 1), at: at(2))
        #expect(agenda.take(10, at: at(5)) == [Self.key(1, slot: 0), Self.key(1, slot: 1)])
    }

    @Test func `no more are taken than asked for, and the rest stays`() {
        let agenda = Agenda()
        for (key, moment) in [(a, 1), (b, 2), (c, 3)] { agenda.set(key, at: at(Int64(moment))) }
        #expect(agenda.take(2, at: at(5)) == [a, b])
        #expect(agenda.take(0, at: at(5)) == [])
        #expect(agenda.take(2, at: at(5)) == [c])
    }

    @Test func `the last word counts, whether it is later or earlier`() {
        let agenda = Agenda()
        agenda.set(a, at: at(10))
        agenda.set(a, at: at(50))
        agenda.set(b, at: at(50))
        agenda.set(b, at: at(10))
        #expect(agenda.take(10, at: at(10)) == [b])
        #expect(agenda.take(10, at: at(49)) == [])
        #expect(agenda.take(10, at: at(60)) == [a], "and b is not taken a second time")
    }

    @Test func `who is set again to a moment it had once before is taken once`() {
        let agenda = Agenda()
        agenda.set(a, at: at(10))
        agenda.set(a, at: at(20))
        agenda.set(a, at: at(10))
        #expect(agenda.take(10, at: at(30)) == [a])
    }

    @Test func `whoever was removed does not come up, and wakes nobody`() {
        let agenda = Agenda()
        agenda.set(a, at: at(10))
        agenda.set(b, at: at(5000))
        agenda.remove(a)
        #expect(!agenda.knows(a))
        #expect(agenda.next(grain: .milliseconds(1)) == at(5000))
        agenda.remove(b)
        #expect(agenda.next(grain: .milliseconds(1)) == nil)
        #expect(agenda.take(10, at: at(9999)) == [])
    }

    @Test func `the waking is at the end of the first one's grain, never before it is due`() {
        for offset in Int64(0)..<70 {
            let agenda = Agenda()
            agenda.set(a, at: at(offset))
            let next = agenda.next(grain: .milliseconds(16))
            #expect(next.map { $0 >= at(offset) && $0 < at(offset + 16) } == true)
            #expect(next.map { $0.milliseconds.isMultiple(of: 16) } == true)
        }
    }

    /// Against the plainest thing that does the same: a dictionary.
    @Test func `ten thousand random changes leave what a dictionary would`() {
        var random = Seeded(seed: 7)
        let agenda = Agenda()
        var plain: [SlotKey: Instant] = [:]
        var now: Int64 = 0
        for _ in 0..<10_000 {
            let key = Self.key(UInt64.random(in: 0..<50, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let moment = at(now + Int64.random(in: 0..<200, using: &random))
                agenda.set(key, at: moment)
                plain[key] = moment
            case 6:
                agenda.remove(key)
                plain[key] = nil
            default:
                now += Int64.random(in: 0..<20, using: &random)
                let taken = agenda.take(.max, at: at(now))
                #expect(Set(taken) == Set(plain.filter { $0.value <= at(now) }.keys))
                #expect(taken.compactMap { plain[$0] } == taken.compactMap { plain[$0] }.sorted())
                for key in taken { plain[key] = nil }
                #expect(agenda.next(grain: .milliseconds(1)) == plain.values.min())
            }
            #expect(agenda.knows(key) == (plain[key] != nil))
        }
    }

    private struct Seeded: RandomNumberGenerator {
        var seed: UInt64
        mutating func next() -> UInt64 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return seed ^ seed >> 29
        }
    }
}

@Suite struct PaceTests {
    @Test(arguments: [(1.0, 62), (0.01, 16), (1000, 64)])
    func `looks begin together within a sixteenth of the shortest wait, within bounds`(scale: Double, expected: Int) {
        #expect(Pace(scale: scale).lookGrain.wholeMilliseconds == Int64(expected))
    }
}

/// What the poller does with its agenda.
@Suite struct PollerAgendaTests {
    /// A poller that learns of the house's commits, with one job running.
    private func withRunning(_ body: (House, Poller, SlotKey) async throws -> Void) async throws {
        try await House.with(ScriptedDesk("fal")) { house in
            let poller = Poller(house.shop)
            house.store.onChange { tasks in
                for task in tasks { poller.observe(task.task) }
            }
            let id = try await house.submit()
            _ = try await house.dispatch()
            // The first look is at all that rows say: later ones are at what the agenda says.
            _ = try await poller.pick(limit: 10, busy: .nobody, now: house.now)
            try await body(house, poller, SlotKey(id, 0))
        }
    }

    @Test func `a commit puts a running job on the agenda, and its end takes it off`() async throws {
        try await withRunning { house, poller, key in
            let due = try #require(try await house.slot(key.task).dueAt)
            let waking = try #require(poller.nextLook(after: house.now))
            #expect(waking >= due && waking - due < house.shop.pace.lookGrain)
            _ = try await house.store.cancel(
                key.task, account: nil, failure: Failure(code: "canceled", message: "x"), at: house.now)
            #expect(poller.nextLook(after: house.now) == nil)
        }
    }

    @Test func `a job is not picked before it is due`() async throws {
        try await withRunning { house, poller, key in
            let due = try #require(try await house.slot(key.task).dueAt)
            #expect(try await poller.pick(limit: 10, busy: .nobody, now: due - .milliseconds(1)).isEmpty)
            #expect(try await poller.pick(limit: 10, busy: .nobody, now: due).map(\.key) == [key])
        }
    }

    /// Between the commit of a look and the end of its errand the next look may fall due already.
    @Test func `a job whose last look has not let go of it yet is looked at a little later, not forgotten`()
        async throws
    {
        try await withRunning { house, poller, key in
            let due = try #require(try await house.slot(key.task).dueAt)
            let busy = Busy(count: 1) { $0 == key }
            #expect(try await poller.pick(limit: 10, busy: busy, now: due).isEmpty)
            let again = try #require(poller.nextLook(after: due))
            #expect(again > due && again - due <= .milliseconds(100) + house.shop.pace.lookGrain)
            #expect(try await poller.pick(limit: 10, busy: .nobody, now: again).map(\.key) == [key])
        }
    }

    /// Its commits go by without being observed, so that only the agenda knows of the next look.
    @Test func `a look that told nothing new wrote no row, and the job comes up again all the same`() async throws {
        try await withRunning { house, poller, key in
            house.advance(.seconds(60))
            for errand in try await poller.pick(limit: 10, busy: .nobody, now: house.now) { _ = await errand.run() }
            house.advance(.seconds(20))
            let before = try await house.task(key.task)
            let errands = try await poller.pick(limit: 10, busy: .nobody, now: house.now)
            #expect(errands.map(\.key) == [key])
            for errand in errands { #expect(await errand.run() == .progressed) }
            #expect(try await house.task(key.task) == before)
            let next = try #require(poller.nextLook(after: house.now))
            #expect(next > house.now)
            #expect(try await poller.pick(limit: 10, busy: .nobody, now: next).map(\.key) == [key])
        }
    }
}
