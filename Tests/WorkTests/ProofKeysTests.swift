import Domain
import HTTP
import Providers
import Synchronization
import Testing

@testable import Work

@Suite struct ProofKeysTests {
    private static let start = Instant(milliseconds: 1_770_000_000_000)
    private static let set = #"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"\#(String(repeating: "A", count: 43))"}]}"#

    /// fal's, which answers when it is told to.
    private final class KeyServer: Upstream {
        struct State {
            var asked = 0
            var outcome = UpstreamOutcome.answered(HTTPReply(.ok, body: Array(ProofKeysTests.set.utf8)))
            var isHeld = false
        }

        let state = Mutex(State())
        var asked: Int { state.withLock { $0.asked } }

        func send(_ request: OutgoingRequest, _ terms: CallTerms) async -> UpstreamOutcome {
            state.withLock { $0.asked += 1 }
            while state.withLock({ $0.isHeld }) { await Task.yield() }
            return state.withLock { $0.outcome }
        }
    }

    /// Whether a callback that is well signed is believed.
    private static func isBelieved(_ keys: ProofKeys, _ server: KeyServer, at now: Instant = start) async throws -> Bool
    {
        let proof = try #require(Provider["fal"]?.callbackProof)
        let headers: Headers = [
            "X-Fal-Webhook-Request-Id": "r", "X-Fal-Webhook-User-Id": "u",
            "X-Fal-Webhook-Timestamp": String(now.secondsSince1970),
            "X-Fal-Webhook-Signature": String(repeating: "0", count: 128),
        ]
        // Every key fits: here it is about when there are any.
        let signatures = Signatures(sha256: { _ in [] }, verify: { _, _, _ in true })
        return await keys.holds(
            proof, headers, [], signatures: signatures, settings: ProviderSettings(baseURL: "https://queue.fal.run"),
            upstream: server, now: now)
    }

    @Test(.timeLimit(.minutes(1))) func `callbacks that come together wait for the same keys`() async throws {
        let (keys, server) = (ProofKeys(), KeyServer())
        server.state.withLock { $0.isHeld = true }
        let believed = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 { group.addTask { try await Self.isBelieved(keys, server) } }
            while server.asked == 0 { await Task.yield() }
            server.state.withLock { $0.isHeld = false }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(believed == 20)
        #expect(server.asked == 1)
        #expect(try await Self.isBelieved(keys, server, at: Self.start + .seconds(86_399)))
        #expect(server.asked == 1)
    }

    @Test func `keys that cannot be had are not asked for with every callback`() async throws {
        let (keys, server) = (ProofKeys(), KeyServer())
        server.state.withLock { $0.outcome = .answered(HTTPReply(.serviceUnavailable)) }
        for _ in 0..<50 { #expect(try await !Self.isBelieved(keys, server)) }
        #expect(server.asked == 1)
        server.state.withLock { $0.outcome = .answered(HTTPReply(.ok, body: Array(Self.set.utf8))) }
        #expect(try await !Self.isBelieved(keys, server, at: Self.start + .seconds(4)))
        #expect(try await Self.isBelieved(keys, server, at: Self.start + .seconds(5)))
        #expect(server.asked == 2)
    }
}
