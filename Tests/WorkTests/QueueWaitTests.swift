import Domain
import Store
import Testing

@testable import Work

/// How long a task waits while all that could take it are out.
@Suite struct QueueWaitTests {
    private let refused = Evidence(fault: "test", message: "no", status: 500)

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

    @Test func `who was in a provider's hands waits from when it came back, not from when it was sent`() async throws {
        let refused = refused
        let first = ScriptedDesk("first") { $0.look = { _ in .trouble(.generation, refused) } }
        let second = ScriptedDesk("second", rank: 1)
        try await House.with(first, second) { house in
            let id = try await house.submit()
            #expect(try await house.dispatch() == [.accepted: 1])
            house.advance(.seconds(700))
            #expect(try await house.poll() == [.refused: 1])
            let now = house.now
            house.shop.board.change("second") { $0.door.trip(at: now, because: "no credit") }
            #expect(try await house.dispatch() == [.deferred: 1], "the one that is left will be asked when it is back")
            house.advance(.seconds(301))
            #expect(try await house.dispatch() == [.accepted: 1])
            #expect(try await house.slot(id).attempt?.provider == "second")
        }
    }
}
