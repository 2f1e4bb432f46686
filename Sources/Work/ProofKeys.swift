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
    private struct Kept {
        var keys: [[UInt8]] = []
        var fetchedAt: Instant?
    }

    private let kept = Mutex(Kept())
    /// A flood of forged calls must not become a flood of ours.
    private static let atMostEvery = Duration.seconds(60)
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
        let known = kept.withLock { $0 }
        let age = known.fetchedAt.map { now - $0 }
        if let age, age < proof.keysKept, check(known.keys) { return true }
        // No key fits: they may have changed, which is asked once.
        if let age, age < min(Self.atMostEvery, proof.keysKept) { return false }
        let terms = CallTerms(timeout: .seconds(10), replyBytes: Self.keyBytes, isRepeatable: true)
        guard case .answered(let reply) = await upstream.send(proof.keys(settings), terms) else { return false }
        let keys = proof.readKeys(reply)
        kept.withLock { $0 = Kept(keys: keys, fetchedAt: now) }
        return check(keys)
    }
}
