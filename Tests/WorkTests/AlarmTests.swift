import Domain
import Store
import Synchronization
import Testing

@testable import Work

@Suite struct AlarmTests {
    @Test func `a ring before sleeping is not lost`() async {
        let alarm = Alarm(clock: .system())
        alarm.ring()
        await alarm.sleep()
    }

    @Test func `wakes when somebody rings`() async {
        let alarm = Alarm(clock: .system())
        let sleeper = Task { await alarm.sleep() }
        alarm.ring()
        await sleeper.value
    }

    @Test func `wakes at the earliest moment, whatever the order they were named in`() async {
        let clock = RunClock.system()
        let alarm = Alarm(clock: clock)
        let soon = clock.now() + .milliseconds(30)
        alarm.set(clock.now() + .seconds(600))
        alarm.set(soon)
        alarm.set(clock.now() + .seconds(300))
        await alarm.sleep()
        #expect(clock.now() >= soon - .milliseconds(1))
    }

    /// Were the earlier moment ever lost, it would sleep for ten minutes.
    @Test(.timeLimit(.minutes(1))) func `the earlier of two that are set at the same time wins`() async {
        let clock = RunClock.system()
        for _ in 0..<300 {
            let alarm = Alarm(clock: clock)
            alarm.set(clock.now() + .seconds(600))
            async let far: Void = alarm.set(clock.now() + .seconds(500))
            async let near: Void = alarm.set(clock.now() + .milliseconds(2))
            async let asleep: Void = alarm.sleep()
            _ = await (far, near, asleep)
        }
    }

    @Test func `sleeps no longer than it is told to`() async {
        let clock = RunClock.system()
        let alarm = Alarm(clock: clock)
        alarm.set(clock.now() + .seconds(600))
        let latest = clock.now() + .milliseconds(20)
        await alarm.sleep(until: latest)
        #expect(clock.now() >= latest - .milliseconds(1))
    }

    /// Each waking of a loop names one: were they kept, a busy hour would be woken for ever after.
    @Test func `how long a sleep may last is forgotten with it`() async {
        let now = Mutex(Instant(milliseconds: 0))
        let alarm = Alarm(clock: RunClock { now.withLock { $0 } })
        for moment in 1...5 {
            alarm.ring()
            await alarm.sleep(until: Instant(milliseconds: Int64(moment * 10)))
        }
        now.withLock { $0 = Instant(milliseconds: 1000) }
        let isUp = Mutex(false)
        let sleeper = Task {
            await alarm.sleep(until: Instant(milliseconds: 1_000_000))
            isUp.withLock { $0 = true }
        }
        // Had any of the five been kept, it would be up by itself long before it has yielded this often.
        for _ in 0..<1000 { await Task.yield() }
        #expect(!isUp.withLock { $0 })
        alarm.ring()
        await sleeper.value
    }

    @Test func `a moment that has passed does not let it sleep`() async {
        let clock = RunClock.system()
        let alarm = Alarm(clock: clock)
        alarm.set(clock.now() - .seconds(1))
        await alarm.sleep()
    }

    @Test(.timeLimit(.minutes(1))) func `a moment that has come wakes who sleeps towards a later one`() async {
        let clock = RunClock.system()
        for _ in 0..<100 {
            let alarm = Alarm(clock: clock)
            async let asleep: Void = alarm.sleep(until: clock.now() + .seconds(600))
            await Task.yield()
            alarm.set(clock.now())
            await asleep
        }
    }

    /// The timer is left as it is when sleeps get longer; going off too early must not pass for going off.
    @Test func `sleeps on when its timer was set for an earlier sleep`() async {
        let clock = RunClock.system()
        let alarm = Alarm(clock: clock)
        let short = Task { await alarm.sleep(until: clock.now() + .milliseconds(20)) }
        await Task.yield()
        alarm.ring()
        await short.value
        let latest = clock.now() + .milliseconds(60)
        var sleeps = 0
        while clock.now() < latest {
            sleeps += 1
            await alarm.sleep(until: latest)
        }
        // On a busy machine the short sleep may have ended by itself, and then it is the ring that ends one too early.
        #expect(sleeps <= 2)
    }

    @Test func `many moments come out in order`() async {
        let now = Mutex(Instant(milliseconds: 0))
        let alarm = Alarm(clock: RunClock { now.withLock { $0 } })
        let moments = (0..<500).map { ($0 * 7919) % 500 * 10 + 10 }
        for moment in moments { alarm.set(Instant(milliseconds: Int64(moment))) }
        for moment in moments.sorted() {
            now.withLock { $0 = Instant(milliseconds: Int64(moment)) }
            // Each is due exactly once: were one missing, this would never return.
            await alarm.sleep()
        }
    }
}

@Suite struct ErrandsTests {
    private let key = SlotKey(.new(at: Instant(milliseconds: 1)), 0)

    @Test func `a slot has one errand at a time, and is wanted again after it`() async {
        let errands = Errands(width: 4)
        let (release, hold) = AsyncStream<Void>.makeStream()
        let (ended, end) = AsyncStream<Bool>.makeStream()
        let first = errands.start(
            Errand(key) {
                for await _ in release { break }
                return .progressed
            }
        ) { _, again in end.yield(again) }
        #expect(first)
        #expect(!errands.start(Errand(key) { .failed }) { _, _ in })
        #expect(errands.isBusy(key))
        hold.yield()
        for await again in ended {
            #expect(again)
            break
        }
        await errands.drained()
        #expect(errands.count == 0)
    }
}

@Suite struct ParkingTests {
    private let now = Instant(milliseconds: 1_760_000_000_000)

    private func due(_ account: AccountID, _ number: Int) -> DueSlot {
        let at = now + .milliseconds(number)
        let task = GenerationTask(
            id: .new(at: at), account: account, key: .new(at: now),
            request: GenerationRequest(picture: .url("https://example.com/a.png")), createdAt: at,
            deadline: at + .seconds(1800), slots: [Slot(index: 0, seed: 1, charges: [], dueAt: at)])
        return DueSlot(task: task, index: 0)
    }

    @Test func `one account's many do not hold up another's one`() {
        var parking = Parking()
        let (many, one) = (AccountID.new(at: now), AccountID.new(at: now))
        let first = (0..<50).map { due(many, $0) }
        for slot in first { _ = parking.park(slot, for: ["fal"]) }
        let late = due(one, 99)
        _ = parking.park(late, for: ["fal"])
        // The first account already has two jobs under way.
        let taken = parking.take(3, for: ["fal"]) { $0 == many ? 2 : 0 }
        #expect(taken.map(\.key) == [late.key, first[0].key, first[1].key])
        #expect(parking.count == 48)
    }

    @Test func `only who waits for a provider that is ready goes`() {
        var parking = Parking()
        let account = AccountID.new(at: now)
        let (forFal, forEither) = (due(account, 0), due(account, 1))
        _ = parking.park(forFal, for: ["fal"])
        _ = parking.park(forEither, for: ["fal", "pixazo"])
        let taken = parking.take(9, for: ["pixazo"]) { _ in 0 }
        #expect(taken.map(\.key) == [forEither.key])
        parking.forget(forFal.key)
        #expect(parking.count == 0)
    }

    @Test func `is small, whatever waits`() {
        var parking = Parking(limit: 10, perAccount: 4)
        let account = AccountID.new(at: now)
        let parked = (0..<20).filter { parking.park(due(account, $0), for: ["fal"]) }
        #expect(parked == [0, 1, 2, 3])
        for number in 0..<20 { _ = parking.park(due(.new(at: now), number), for: ["fal"]) }
        #expect(parking.count == 10)
    }
}
