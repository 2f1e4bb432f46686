import Domain
import Store
import Testing

@testable import Work

/// What becomes of a breaker whose probe is over: whoever waits for it must not wait for nothing.
@Suite struct ProbeTests {
    private let refused = Evidence(fault: "test", message: "no", status: 500)

    @Test(arguments: [Trouble.busy(wait: .seconds(1)), .unreachable, .disputed, .account])
    func `a probe that says nothing of such jobs holds up none of them`(trouble: Trouble) async throws {
        let refused = refused
        let desk = ScriptedDesk("only") { $0.submit = { _ in .trouble(trouble, refused) } }
        try await House.with(desk) { house in
            let kind = house.kindReadyForAProbe()
            _ = try await house.submit()
            _ = try await house.dispatch()
            #expect(desk.seen.submits.count == 1, "the probe")
            let now = house.now
            #expect(house.shop.board["only"]?.kinds[kind]?.obstacle(at: now) == nil)
        }
    }

    @Test func `a job that is done with its submit is a probe that went well`() async throws {
        let desk = ScriptedDesk("only") {
            $0.submit = { _ in .done(UpstreamHandle(id: "u"), UpstreamResults(model: .url(House.model))) }
        }
        try await House.with(desk) { house in
            let kind = house.kindReadyForAProbe()
            _ = try await house.submit()
            #expect(try await house.dispatch() == [.ready: 1])
            let now = house.now
            #expect(house.shop.board["only"]?.kinds[kind]?.state(at: now) == .closed)
        }
    }

    @Test(arguments: [Trouble.busy(wait: .seconds(1)), .generation])
    func `a probe that was answered keeps no door shut`(trouble: Trouble) async throws {
        let refused = refused
        let desk = ScriptedDesk("only") { $0.submit = { _ in .trouble(trouble, refused) } }
        try await House.with(desk) { house in
            house.shop.board.change("only") { standing in
                for _ in 0..<5 { standing.door.fail(at: house.now, because: "500") }
            }
            house.advance(.seconds(16))
            _ = try await house.submit()
            _ = try await house.dispatch()
            #expect(desk.seen.submits.count == 1, "the probe")
            let now = house.now
            #expect(house.shop.board["only"]?.door.obstacle(at: now) == nil)
        }
    }
}

extension House {
    /// A kind of job that failed at "only" until its breaker opened, and has been left alone for long enough.
    fileprivate func kindReadyForAProbe() -> RequestKind {
        let kind = RequestKind(Parameters([:]))
        shop.board.change("only") { standing in
            for _ in 0..<5 { standing.generationFailed(kind, because: "500", at: now) }
        }
        advance(.seconds(16))
        return kind
    }
}
