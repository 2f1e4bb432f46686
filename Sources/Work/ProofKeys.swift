import Domain
import HTTP
import Providers
import Synchronization

/// The arithmetic of signed callbacks, from a room that has it.
package struct Signatures: Sendable {
    package let sha256: @Sendable ([UInt8]) -> [UInt8]
    /// Ed25519: signature, message, public key.
    package let verify: @Sendable ([UInt8], [UInt8], [UInt8]) -> Bool

    package init(
        sha256: @escaping @Sendable ([UInt8]) -> [UInt8],
        verify: @escaping @Sendable ([UInt8], [UInt8], [UInt8]) -> Bool
    ) {
        self.sha256 = sha256
        self.verify = verify
    }
}

/// A provider's public keys, fetched when they are first needed and kept as long as it allows.
final class ProofKeys: Sendable {
    private struct State {
        var keys: [[UInt8]] = []
        /// When the provider last gave them, and when it was last asked.
        var fetchedAt: Instant?
        var askedAt: Instant?
        /// Under way. All who need them meanwhile wait for this one.
        var fetch: Task<[[UInt8]], Never>?
    }

    private let state = Mutex(State())
    /// A flood of forged calls must not become a flood of ours.
    private static let atMostEvery = Duration.seconds(60)
    /// The same while the provider does not give its keys, and nobody can tell forged calls from good ones.
    private static let againAfter = Duration.seconds(5)
    /// A set of keys is some hundreds of bytes.
    private static let keyBytes = 64 << 10

    func holds(
        _ proof: CallbackProof, _ headers: Headers, _ body: [UInt8], signatures: Signatures,
        settings: ProviderSettings, upstream: any Upstream, now: Instant
    ) async -> Bool {
        func check(_ keys: [[UInt8]]) -> Bool {
            proof.holds(
                headers, body, keys: keys, secondsSince1970: now.secondsSince1970, sha256: signatures.sha256,
                verify: signatures.verify)
        }
        let (keys, fetchedAt) = state.withLock { ($0.keys, $0.fetchedAt) }
        let age = fetchedAt.map { now - $0 }
        if let age, age < proof.keysKept, check(keys) { return true }
        // No key fits: they may have changed, which is asked once.
        if let age, age < min(Self.atMostEvery, proof.keysKept) { return false }
        return check(await fetched(proof, settings, upstream, now))
    }

    /// The keys as they are now; none when the provider does not give them.
    private func fetched(
        _ proof: CallbackProof, _ settings: ProviderSettings, _ upstream: any Upstream, _ now: Instant
    ) async -> [[UInt8]] {
        let fetch = state.withLock { state -> Task<[[UInt8]], Never>? in
            if let fetch = state.fetch { return fetch }
            if let askedAt = state.askedAt, now - askedAt < Self.againAfter { return nil }
            state.askedAt = now
            let fetch = Task { await self.fetch(proof, settings, upstream, now) }
            state.fetch = fetch
            return fetch
        }
        return await fetch?.value ?? []
    }

    private func fetch(
        _ proof: CallbackProof, _ settings: ProviderSettings, _ upstream: any Upstream, _ now: Instant
    ) async -> [[UInt8]] {
        let terms = CallTerms(timeout: .seconds(10), replyBytes: Self.keyBytes, isRepeatable: true)
        let outcome = await upstream.send(proof.keys(settings), terms)
        return state.withLock { state in
            state.fetch = nil
            // An answer without keys, such as an error, says nothing of those that were known.
            guard case .answered(let reply) = outcome, case let keys = proof.readKeys(reply), !keys.isEmpty else {
                return []
            }
            state.keys = keys
            state.fetchedAt = now
            return keys
        }
    }
}
