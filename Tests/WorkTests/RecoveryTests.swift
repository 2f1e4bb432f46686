import Domain
import HTTP
import Providers
import Store
import Testing

@testable import Work

/// Crashes, late news, clocks and callers.
@Suite struct RecoveryTests {
    private let refused = Evidence(fault: "test", message: "no", status: 500)

    @Test func `an earlier run's submit is of unknown outcome at once`() async throws {
        let desk = ScriptedDesk("fal")
        try await House.with(desk) { house in
            let id = try await house.submit()
            let attempt = Attempt(
                id: .new(at: house.now), number: 1, provider: "fal", token: "t", boot: house.shop.boot - 1,
                beganAt: house.now)
            _ = try await house.store.apply(
                .began(attempt), to: SlotReference(task: id, slot: 0, attempt: nil), at: house.now)
            #expect(try await house.rescue() == [.lost: 1])
            #expect(try await house.task(id).state == .unknown)
            #expect(try await house.dispatch() == [:])
            #expect(desk.seen.submits.isEmpty)
            #expect(try await house.rescue() == [:])
        }
    }

    @Test func `a job accepted after its task was canceled is called off upstream`() async throws {
        let desk = ScriptedDesk("fal")
        try await House.with(desk) { house in
            let id = try await house.submit()
            desk.change { script in
                script.submit = { job in
                    _ = try? await house.store.cancel(
                        job.task.id, account: nil, failure: Failure(code: "canceled", message: "by the customer"),
                        at: house.now)
                    return .accepted(UpstreamHandle(id: "late"))
                }
            }
            #expect(try await house.dispatch() == [.stale: 1])
            #expect(desk.seen.canceled == ["late"])
            #expect(try await house.task(id).state == .canceled)
            #expect(try await house.wallet().balance == 1_000_000)
            #expect(house.shop.board["fal"]?.inFlight == 0)
        }
    }

    @Test func `what ran when it was canceled or ran out of time is called off upstream`() async throws {
        let desk = ScriptedDesk("fal")
        try await House.with(desk) { house in
            let canceler = Canceler(house.shop)
            house.store.onChange { tasks in
                for task in tasks { _ = canceler.observe(task.task) }
            }
            let (first, second) = (try await house.submit(), try await house.submit(deadline: .seconds(100)))
            _ = try await house.dispatch()
            _ = try await house.store.cancel(
                first, account: nil, failure: Failure(code: "canceled", message: "x"), at: house.now)
            house.advance(.seconds(101))
            #expect(try await house.reap() == [.expired: 1])
            #expect(try await canceler.runOnce(now: house.now) == [.canceled: 2])
            #expect(desk.seen.canceled.count == 2)
            #expect(try await canceler.runOnce(now: house.now) == [:], "once is enough")
            #expect(try await house.task(second).state == .expired)
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }

    @Test func `whoever does not answer when a job is called off is asked again, and not for ever`() async throws {
        let desk = ScriptedDesk("fal") { $0.cancel = { _ in .unclear } }
        try await House.with(desk) { house in
            let canceler = Canceler(house.shop)
            house.store.onChange { tasks in
                for task in tasks { _ = canceler.observe(task.task) }
            }
            for _ in 0..<2 {
                let id = try await house.submit()
                _ = try await house.dispatch()
                _ = try await house.store.cancel(
                    id, account: nil, failure: Failure(code: "canceled", message: "x"), at: house.now)
            }
            #expect(canceler.nextLook(after: house.now) == nil, "both are due at once")
            #expect(try await canceler.runOnce(now: house.now) == [.deferred: 2])
            #expect(try await canceler.runOnce(now: house.now) == [:], "not at once again")
            var asked = 2
            for pause in Canceler.pauses {
                let next = try #require(canceler.nextLook(after: house.now))
                #expect(next == house.now + pause)
                house.advance(pause)
                asked += 2
                let isLast = pause == Canceler.pauses.last
                #expect(try await canceler.runOnce(now: house.now) == [isLast ? .failed : .deferred: 2])
                #expect(desk.seen.canceled.count == asked)
            }
            #expect(canceler.nextLook(after: house.now) == nil)
        }
    }

    @Test func `a job that a provider will not call off is left to it`() async throws {
        let desk = ScriptedDesk("fal") { $0.cancel = { _ in .refused } }
        try await House.with(desk) { house in
            let canceler = Canceler(house.shop)
            house.store.onChange { tasks in
                for task in tasks { _ = canceler.observe(task.task) }
            }
            let id = try await house.submit()
            _ = try await house.dispatch()
            _ = try await house.store.cancel(
                id, account: nil, failure: Failure(code: "canceled", message: "x"), at: house.now)
            #expect(try await canceler.runOnce(now: house.now) == [.failed: 1])
            #expect(canceler.nextLook(after: house.now) == nil)
            #expect(desk.seen.canceled.count == 1)
        }
    }

    @Test func `a result after the deadline changes neither state nor money`() async throws {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            let id = try await house.submit([.textures: .flag(true)], deadline: .seconds(100))
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            desk.change { $0.results = { _ in .have(UpstreamResults(model: .url(House.model))) } }
            house.advance(.seconds(20))
            #expect(try await house.finish() == [.stale: 1], "time is read again before acting")
            #expect(try await house.reap() == [.expired: 1])
            #expect(try await house.task(id).state == .expired)
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }

    @Test func `a task that must start soon and does not is refunded`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal") { $0.submit = { _ in .trouble(.busy(wait: .seconds(60)), refused) } }
        try await House.with(desk) { house in
            let id = try await house.submit(startWithin: .seconds(10))
            #expect(try await house.dispatch() == [.refused: 1])
            house.advance(.seconds(11))
            #expect(try await house.reap() == [.expired: 1])
            #expect(try await house.task(id).failure?.code == "start_timeout")
        }
    }

    @Test func `a busy provider is left alone as long as it asked`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal") { $0.submit = { _ in .trouble(.busy(wait: .seconds(30)), refused) } }
        try await House.with(desk) { house in
            let (first, second) = (try await house.submit(), try await house.submit())
            _ = try await house.dispatch()
            let asked = desk.seen.submits.count
            desk.change { $0.submit = { .accepted(UpstreamHandle(id: $0.attempt.token)) } }
            house.advance(.seconds(20))
            _ = try await house.dispatch()
            #expect(desk.seen.submits.count == asked)
            house.advance(.seconds(11))
            _ = try await house.dispatch()
            house.advance(.seconds(1))
            _ = try await house.dispatch()
            #expect(try await house.task(first).state == .running)
            #expect(try await house.task(second).state == .running)
        }
    }

    @Test func `a place that becomes free goes to whoever waits, and no more jobs run than may`() async throws {
        let desk = ScriptedDesk("fal", concurrency: 2) { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            for _ in 0..<5 { _ = try await house.submit([.textures: .flag(true)]) }
            #expect(try await house.dispatch()[.accepted] == 2)
            #expect(try await house.dispatch() == [:], "nothing is asked of the queue while all are full")
            for left in [2, 1] {
                house.advance(.seconds(90))
                _ = try await house.poll()
                _ = try await house.finish()
                #expect(try await house.dispatch()[.accepted] == left)
            }
            #expect(desk.seen.submits.count == 5)
        }
    }

    @Test func `a shared rate leaves room for looks`() async throws {
        let desk = ScriptedDesk("slow", rate: .perMinute(3))
        try await House.with(desk) { house in
            for _ in 0..<3 { _ = try await house.submit() }
            #expect(try await house.dispatch()[.accepted] == 2, "the third call is kept for a look")
            house.advance(.seconds(1))
            #expect(house.shop.board.takeLook("slow", at: house.now) == nil)
            #expect(house.shop.board.takeLook("slow", at: house.now) != nil, "a look is a call like any other")
        }
    }

    @Test func `a callback is a reason to look and nothing more`() async throws {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            let work = Work(house.shop)
            let id = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            let token = try #require(try await house.slot(id).attempt?.token)
            let unknown = await work.handleCallback(from: "fal", token: "guess", headers: [:], body: [])
            let foreign = await work.handleCallback(from: "pixazo", token: token, headers: [:], body: [])
            #expect(unknown == .unknown)
            #expect(foreign == .unknown)
            desk.change { $0.called = { _ in .forged } }
            let forged = await work.handleCallback(from: "fal", token: token, headers: [:], body: [])
            #expect(forged == .forged)
            #expect(desk.seen.looks == 0)
            desk.change { $0.called = { .news($0.attempt.handle) } }
            for _ in 0..<50 { _ = await work.handleCallback(from: "fal", token: token, headers: [:], body: []) }
            await work.settled()
            #expect(try await house.task(id).state == .fetching)
            house.wire.put(House.glb, at: House.model)
            #expect(try await house.finish() == [.finished: 1])
            let late = await work.handleCallback(from: "fal", token: token, headers: [:], body: [])
            #expect(late == .taken)
            #expect(try await house.wallet().spent == 30)
        }
    }

    @Test func `a callback tells what became of a lost submit`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal") {
            $0.submit = { _ in .trouble(.unknown, refused) }
            $0.called = { _ in .news(UpstreamHandle(id: "told")) }
        }
        try await House.with(desk) { house in
            let work = Work(house.shop)
            let id = try await house.submit()
            _ = try await house.dispatch()
            let token = try #require(try await house.slot(id).attempt?.token)
            let answer = await work.handleCallback(from: "fal", token: token, headers: [:], body: [])
            #expect(answer == .taken)
            let task = try await house.task(id)
            #expect(task.state == .running)
            #expect(task.slots[0].attempt?.handle?.id == "told")
        }
    }

    @Test func `a result that brings the process down again and again is given up, and its neighbours finish`()
        async throws
    {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            let poison = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            for _ in 0..<5 {
                // As a run that dies in the middle leaves it.
                let slot = SlotReference(task: poison, slot: 0, attempt: try await house.slot(poison).attempt?.id)
                _ = try await house.store.apply(.handling(until: house.now), to: slot, at: house.now)
            }
            let neighbour = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.failed: 1, .finished: 1])
            #expect(try await house.task(poison).failure?.code == "result_unusable")
            #expect(try await house.task(neighbour).state == .finished)
            #expect(try await house.wallet().spent == 30)
        }
    }

    @Test func `orderly tries do not count as crashes`() async throws {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.break_(House.model, .later("status 503"))
            let id = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            for _ in 0..<8 {
                #expect(try await house.finish() == [.deferred: 1])
                house.advance(.seconds(16))
            }
            #expect(try await house.slot(id).handlings == 0)
        }
    }

    @Test func `the whole house drains a queue by itself and comes to rest`() async throws {
        let desk = ScriptedDesk("fal", concurrency: 8) {
            $0.submit = { job in .done(UpstreamHandle(id: job.attempt.token), UpstreamResults(model: .url(House.model)))
            }
        }
        try await House.with(desk, clock: .system()) { house in
            house.wire.put(House.glb, at: House.model)
            let work = Work(house.shop)
            try await work.start()
            let (ends, end) = AsyncStream<TaskID>.makeStream()
            house.store.onChange { tasks in
                for task in tasks where task.task.state.isFinal { end.yield(task.task.id) }
            }
            var open: Set<TaskID> = []
            for _ in 0..<40 { open.insert(try await house.submit([.textures: .flag(true)])) }
            for await id in ends {
                open.remove(id)
                if open.isEmpty { break }
            }
            await work.drain(patience: .seconds(5))
            #expect(desk.seen.submits.count == 40)
            #expect(try await house.wallet().spent == 1200)
            let after = try await house.submit()
            #expect(try await house.task(after).state == .queued, "nothing is sent any more")
        }
    }
}
