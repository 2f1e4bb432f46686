import Domain
import HTTP
import Synchronization

/// A limit of requests a minute, as clients are told of it.
package enum RateLimit {
    /// What became of one request, and what is left: the fields of a 429 and of every counted answer.
    package struct Verdict: Hashable, Sendable {
        package let isAllowed: Bool
        package let limit: Int
        package let remaining: Int
        /// Whole seconds until one more is allowed; 0 when one is allowed now.
        package let retryAfter: Int

        /// `RateLimit` and `RateLimit-Policy` of the IETF's draft-ietf-httpapi-ratelimit-headers.
        package var headers: Headers {
            [
                "RateLimit-Policy": "\"minute\";q=\(limit);w=60",
                "RateLimit": "\"minute\";r=\(remaining);t=\(retryAfter)",
            ]
        }
    }
}

/// Buckets by whom they are for, in shards, so that one busy account does not make others wait for a lock.
package final class RateLimiter: Sendable {
    package enum Subject: Hashable, Sendable {
        case account(AccountID)
        /// Reading lists and ledgers; status reads are not counted at all.
        case reader(KeyID)
        /// Who sends keys that are none, by address.
        case stranger(UInt64)
    }

    private final class Shard: Sendable {
        let buckets = Mutex<[Subject: TokenBucket]>([:])
    }

    /// 16 × 4 096 buckets of some 80 bytes: 5 MB when an attacker fills them all from as many addresses.
    private static let bucketsPerShard = 4096
    private let shards = (0..<16).map { _ in Shard() }

    package init() {}

    /// A bucket holds a minute's worth and fills evenly.
    package func take(_ subject: Subject, perMinute limit: Int, now: Instant) -> RateLimit.Verdict {
        guard limit > 0 else { return .init(isAllowed: false, limit: 0, remaining: 0, retryAfter: 60) }
        return shard(of: subject).buckets.withLock { buckets in
            if buckets.count >= Self.bucketsPerShard, buckets[subject] == nil { Self.makeRoom(in: &buckets, now: now) }
            var bucket = buckets[subject] ?? Self.bucket(limit, now)
            // The operator changed the limit: the bucket begins anew.
            if bucket.burst != Double(limit) { bucket = Self.bucket(limit, now) }
            let wait = bucket.take(now: now)
            buckets[subject] = bucket
            let seconds = wait.map { Int($0.inSeconds.rounded(.up)) } ?? 0
            return .init(
                isAllowed: wait == nil, limit: limit, remaining: bucket.available(now: now),
                retryAfter: wait == nil ? 0 : max(1, seconds))
        }
    }

    private static func bucket(_ limit: Int, _ now: Instant) -> TokenBucket {
        TokenBucket(perSecond: Double(limit) / 60, burst: Double(limit), now: now)
    }

    private func shard(of subject: Subject) -> Shard { shards[Int(UInt(bitPattern: subject.hashValue) % 16)] }

    private static func makeRoom(in buckets: inout [Subject: TokenBucket], now: Instant) {
        // A full bucket says nothing that a new one would not.
        buckets = buckets.filter { entry in
            var bucket = entry.value
            return Double(bucket.available(now: now)) < bucket.burst
        }
        guard buckets.count >= bucketsPerShard else { return }
        // All of them are in use: forget strangers rather than refuse a customer.
        for subject in Array(buckets.keys.prefix(bucketsPerShard / 2)) {
            if case .stranger = subject { buckets[subject] = nil }
        }
    }
}
