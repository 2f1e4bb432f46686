import Domain
import Files
import Store
import Testing

@testable import Work

/// Tasks on their way, with money watched.
@Suite struct ScenarioTests {
    private let refused = Evidence(fault: "test", message: "no", status: 500)

    @Test func `all goes well`() async throws {
        let desk = ScriptedDesk("fal")
        try await House.with(desk) { house in
            let id = try await house.submit([.textures: .flag(true)])
            #expect(try await house.wallet().held == 30)
            #expect(try await house.dispatch() == [.accepted: 1])
            #expect(house.shop.board["fal"]?.inFlight == 1)
            #expect(try await house.poll() == [:], "the first look is not due yet")
            house.advance(.seconds(60))
            #expect(try await house.poll() == [.progressed: 1])
            #expect(try await house.task(id).progress == 50)
            desk.change { $0.look = House.done }
            house.wire.put(House.glb, at: House.model)
            house.advance(.seconds(30))
            #expect(try await house.poll() == [.ready: 1])
            #expect(house.shop.board["fal"]?.inFlight == 0)
            #expect(try await house.finish() == [.finished: 1])
            let task = try await house.task(id)
            #expect(task.state == .finished)
            #expect(task.progress == 100)
            guard case .kept(let sha256)? = task.slots[0].model?.place else { throw Unexpected("no model") }
            #expect(house.files.path(of: try #require(FileName(sha256))) != nil)
            #expect(task.slots[0].attempt?.costMicrodollars == 250_000)
            let wallet = try await house.wallet()
            #expect(wallet.held == 0)
            #expect(wallet.spent == 30)
            #expect(desk.seen.submits.count == 1)
        }
    }

    @Test func `geometry alone is stripped of what the provider always adds`() async throws {
        let desk = ScriptedDesk("fal", alwaysTextures: true) { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            let id = try await house.submit()
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.finished: 1])
            let model = try #require(try await house.slot(id).model)
            #expect(model.byteCount < House.glb.count)
        }
    }

    @Test func `a thumbnail is drawn where the provider makes none`() async throws {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            let id = try await house.submit([.textures: .flag(true), .generateThumbnail: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.finished: 1])
            #expect(try await house.slot(id).thumbnail?.contentType == "image/png")
            #expect(try await house.wallet().spent == 32)
        }
    }

    @Test func `a key that is refused sends the task to the next and is not tried again`() async throws {
        let refused = refused
        let first = ScriptedDesk("first") { $0.submit = { _ in .trouble(.account, refused) } }
        let second = ScriptedDesk("second", rank: 1)
        try await House.with(first, second) { house in
            let id = try await house.submit()
            #expect(try await house.dispatch() == [.refused: 1])
            #expect(try await house.dispatch() == [.accepted: 1])
            #expect(try await house.slot(id).attempt?.provider == "second")
            _ = try await house.submit()
            #expect(try await house.dispatch() == [.accepted: 1])
            #expect(first.seen.submits.count == 1, "the breaker is open")
        }
    }

    @Test func `with nobody else it waits for the operator, and not for ever`() async throws {
        let refused = refused
        let desk = ScriptedDesk("only") { $0.submit = { _ in .trouble(.account, refused) } }
        try await House.with(desk) { house in
            let id = try await house.submit()
            #expect(try await house.dispatch() == [.refused: 1])
            #expect(try await house.dispatch() == [.deferred: 1])
            #expect(try await house.task(id).state == .queued)
            house.advance(.seconds(601))
            // The breaker is half open by now and lets one probe through.
            #expect(try await house.dispatch() == [.refused: 1])
            house.advance(.seconds(1))
            #expect(try await house.dispatch() == [.failed: 1])
            #expect(try await house.task(id).failure?.code == "queue_timeout")
            #expect(desk.seen.submits.count == 2)
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }

    @Test func `a submit that was refused is no probe of the jobs that kept failing there`() async throws {
        let refused = refused
        let desk = ScriptedDesk("only") { $0.submit = { _ in .trouble(.busy(wait: .seconds(1)), refused) } }
        try await House.with(desk) { house in
            let task = try await house.task(try await house.submit())
            let (kind, now) = (RequestKind(task.request.parameters), house.shop.clock.now())
            for _ in 0..<5 {
                house.shop.board.change("only") { $0.generationFailed(kind, because: "it broke", at: now) }
            }
            house.advance(.seconds(16))
            #expect(try await house.dispatch() == [.refused: 1])
            house.advance(.seconds(20))
            #expect(try await house.dispatch() == [.refused: 1], "asked again, not kept waiting for the first")
        }
    }

    @Test func `what was sent and not answered is never sent again, and refunded at the deadline`() async throws {
        let refused = refused
        let desk = ScriptedDesk("first") { $0.submit = { _ in .trouble(.unknown, refused) } }
        let other = ScriptedDesk("second", rank: 1)
        try await House.with(desk, other) { house in
            let id = try await house.submit()
            #expect(try await house.dispatch() == [.lost: 1])
            for _ in 0..<40 {
                house.advance(.seconds(40))
                _ = try await house.dispatch()
                _ = try await house.reconcile()
            }
            #expect(try await house.task(id).state == .unknown)
            house.advance(.seconds(300))
            #expect(try await house.reap() == [.expired: 1])
            let task = try await house.task(id)
            #expect(task.state == .failed)
            #expect(task.failure?.code == "outcome_unknown")
            #expect(task.slots[0].attempt?.outcome == .unknown, "still flagged for the operator")
            #expect(desk.seen.submits.count + other.seen.submits.count == 1)
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }

    @Test func `a lost answer is found in the provider's list`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal", canReconcile: true) {
            $0.submit = { _ in .trouble(.unknown, refused) }
            $0.reconcile = { _ in .accepted(UpstreamHandle(id: "found")) }
            $0.look = House.done
        }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            let id = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(2))
            #expect(try await house.reconcile() == [.accepted: 1])
            #expect(try await house.slot(id).attempt?.handle?.id == "found")
            #expect(try await house.poll() == [.ready: 1])
            #expect(try await house.finish() == [.finished: 1])
            #expect(desk.seen.submits.count == 1)
        }
    }

    @Test func `a job that one attempt has is not another's too`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal", canReconcile: true) {
            $0.submit = { _ in .trouble(.unknown, refused) }
            $0.reconcile = { _ in .accepted(UpstreamHandle(id: "the only one")) }
        }
        try await House.with(desk) { house in
            let first = try await house.submit()
            _ = try await house.dispatch()
            house.advance(.seconds(2))
            #expect(try await house.reconcile() == [.accepted: 1])
            let second = try await house.submit()
            _ = try await house.dispatch()
            house.advance(.seconds(2))
            #expect(try await house.reconcile() == [.deferred: 1])
            #expect(try await house.slot(first).attempt?.handle?.id == "the only one")
            #expect(try await house.slot(second).state == .unknown)
        }
    }

    @Test func `only an absence that lasts lets it be sent again`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal", canReconcile: true) {
            $0.submit = { _ in .trouble(.unknown, refused) }
            $0.reconcile = { _ in .absent }
        }
        try await House.with(desk) { house in
            let id = try await house.submit()
            _ = try await house.dispatch()
            house.advance(.seconds(60))
            #expect(try await house.reconcile() == [.deferred: 1])
            house.advance(.seconds(61))
            #expect(try await house.reconcile() == [.refused: 1])
            desk.change { $0.submit = { _ in .accepted(UpstreamHandle(id: "again")) } }
            #expect(try await house.dispatch() == [.accepted: 1])
            #expect(try await house.slot(id).attempt?.number == 2)
        }
    }

    @Test func `a generation that failed goes elsewhere once, then is refunded`() async throws {
        let refused = refused
        let failing: @Sendable (Job) async -> Looked = { _ in .trouble(.generation, refused) }
        let desks = (0..<3).map { number in
            ScriptedDesk(ProviderID("p\(number)"), rank: number) { $0.look = failing }
        }
        try await House.with(desks[0], desks[1], desks[2]) { house in
            let id = try await house.submit()
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            #expect(try await house.poll() == [.refused: 1])
            #expect(try await house.dispatch() == [.accepted: 1])
            house.advance(.seconds(90))
            #expect(try await house.poll() == [.failed: 1])
            #expect(try await house.task(id).failure?.code == "generation_failed")
            #expect(desks.map { $0.seen.submits.count } == [1, 1, 0])
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }

    @Test func `a job that the provider does not know is looked for once more`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal") { $0.look = { _ in .gone(refused) } }
        try await House.with(desk) { house in
            let id = try await house.submit()
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            #expect(try await house.poll() == [.progressed: 1])
            #expect(try await house.task(id).state == .running)
            house.advance(.seconds(30))
            #expect(try await house.poll() == [.failed: 1])
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }

    @Test func `a look that fails changes nothing but the time of the next`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal") { $0.look = { _ in .trouble(.unreachable, refused) } }
        try await House.with(desk) { house in
            let id = try await house.submit()
            _ = try await house.dispatch()
            for _ in 0..<5 {
                house.advance(.seconds(90))
                #expect(try await house.poll() == [.progressed: 1])
            }
            #expect(try await house.task(id).state == .running)
            #expect(house.shop.board["fal"]?.door.obstacle(at: house.now) == nil, "looks do not open the breaker")
        }
    }

    @Test func `a result that is gone, or is no model, is a failed attempt and not a lost task`() async throws {
        let first = ScriptedDesk("first") { $0.look = House.done }
        let second = ScriptedDesk("second", rank: 1) {
            $0.look = { _ in .done(UpstreamResults(model: .url("https://files.example.com/other.glb"))) }
        }
        try await House.with(first, second) { house in
            house.wire.put(Array("<html>".utf8), at: House.model)
            house.wire.put(House.glb, at: "https://files.example.com/other.glb")
            let id = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.refused: 1])
            #expect(try await house.dispatch() == [.accepted: 1])
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.finished: 1])
            #expect(try await house.task(id).attemptCount == 2)
        }
    }

    @Test func `a result that comes slowly is waited for`() async throws {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.break_(House.model, .later("status 503"))
            let id = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.deferred: 1])
            house.advance(.seconds(5))
            #expect(try await house.finish() == [.deferred: 1])
            house.wire.put(House.glb, at: House.model)
            house.advance(.seconds(20))
            #expect(try await house.finish() == [.finished: 1])
            #expect(try await house.task(id).attemptCount == 1)
        }
    }

    @Test func `the customer's own address gets the file before the task is finished`() async throws {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            let id = try await house.submit([.textures: .flag(true)]) { $0.uploadURL = "https://bucket.example.com/m" }
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.finished: 1])
            #expect(house.wire.uploaded == ["https://bucket.example.com/m"])
            #expect(try await house.task(id).uploadOutcome == "uploaded")
        }
    }

    @Test func `several results are made side by side, and each pays for itself`() async throws {
        let refused = refused
        let desk = ScriptedDesk("fal") {
            $0.look = { job in
                job.slot.index == 1
                    ? .trouble(.input(code: "content_policy"), refused)
                    : .done(UpstreamResults(model: .url(House.model)))
            }
        }
        try await House.with(desk) { house in
            house.wire.put(House.glb, at: House.model)
            let id = try await house.submit([.textures: .flag(true)], slots: 3)
            #expect(try await house.dispatch() == [.accepted: 3])
            house.advance(.seconds(90))
            #expect(try await house.poll() == [.ready: 2, .failed: 1])
            #expect(try await house.finish() == [.finished: 2])
            #expect(try await house.task(id).state == .finished)
            let wallet = try await house.wallet()
            #expect(wallet.spent == 60)
            #expect(wallet.held == 0)
        }
    }
}
