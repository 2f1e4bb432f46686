import Domain
import Store
import Testing

@testable import Work

/// How often and for how long something is tried before the credits come back.
@Suite struct PatienceTests {
    private let refused = Evidence(fault: "test", message: "no", status: 500)

    @Test(arguments: [false, true])
    func `a result that cannot be fetched is given up in the end, but not for our own disk`(isOurs: Bool) async throws {
        let desk = ScriptedDesk("fal") { $0.look = House.done }
        try await House.with(desk) { house in
            house.wire.break_(House.model, isOurs ? .ours("no space left") : .later("status 503"))
            let id = try await house.submit([.textures: .flag(true)])
            _ = try await house.dispatch()
            house.advance(.seconds(90))
            _ = try await house.poll()
            #expect(try await house.finish() == [.deferred: 1])
            house.advance(.seconds(301))
            #expect(try await house.finish() == (isOurs ? [.deferred: 1] : [.failed: 1]))
            guard isOurs else { return #expect(try await house.wallet().balance == 1_000_000) }
            house.wire.put(House.glb, at: House.model)
            house.advance(.seconds(15))
            #expect(try await house.finish() == [.finished: 1])
            #expect(try await house.task(id).attemptCount == 1)
        }
    }

    @Test func `a provider that loses each submit and then denies it is not believed for ever`() async throws {
        let refused = refused
        let desk = ScriptedDesk("runware", canReconcile: true) {
            $0.submit = { _ in .trouble(.unknown, refused) }
            $0.reconcile = { _ in .refused(refused) }
        }
        try await House.with(desk, adjust: { $0.routing.maxAttempts = 3 }) { house in
            let id = try await house.submit()
            for number in 1...3 {
                #expect(try await house.dispatch() == [.lost: 1])
                house.advance(.seconds(2))
                // With the last one it is over at once, not when somebody has room again.
                #expect(try await house.reconcile() == (number < 3 ? [.refused: 1] : [.failed: 1]))
                house.shop.board.forgive("runware")
            }
            #expect(try await house.task(id).failure?.code == "too_many_attempts")
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }
}
