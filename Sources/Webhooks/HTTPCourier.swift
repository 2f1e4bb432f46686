import Domain
import HTTP
import HTTPClient
import Synchronization

/// Carries webhooks by the HTTP client, under rules of their own: no redirects, little time, and of the answer only
/// its first bytes.
package final class HTTPCourier: Courier {
    /// What a receiver's owner may see of an answer, and all that is ever read of one.
    package static let excerptBytes = 16 << 10

    private let client: HTTPClient
    private let policy: Mutex<CallPolicy>
    private let now: @Sendable () -> Instant

    package init(client: HTTPClient, policy: CallPolicy, now: @escaping @Sendable () -> Instant) {
        self.client = client
        self.policy = Mutex(Self.fitted(policy))
        self.now = now
    }

    package func configure(_ policy: CallPolicy) { self.policy.withLock { $0 = Self.fitted(policy) } }

    private static func fitted(_ policy: CallPolicy) -> CallPolicy {
        var policy = policy
        policy.redirects = 0
        policy.body = .cut(at: excerptBytes)
        // A receiver may see a delivery twice, and knows it by its id.
        policy.resending = .always
        return policy
    }

    package func carry(_ request: OutgoingRequest, done: @escaping @Sendable (CourierReport) -> Void) {
        let now = now
        client.start(request, policy: policy.withLock { $0 }) { outcome in
            switch outcome {
            case .success(let answer):
                let reply = answer.reply
                let retryAfter =
                    reply.status.isSuccess ? nil : RetryAfter.duration(in: reply.headers, now: now())
                done(
                    CourierReport(
                        result: .answered(status: Int(reply.status.code), retryAfter: retryAfter),
                        excerpt: reply.body, milliseconds: answer.timings.total / 1000))
            case .failure(let failure):
                done(
                    CourierReport(
                        result: DeliveryResult(failure.kind), excerpt: [], milliseconds: failure.timings.total / 1000))
            }
        }
    }
}

extension DeliveryResult {
    fileprivate init(_ kind: CallFailure.Kind) {
        switch kind {
        case .canceled, .closed, .overloaded: self = .givenUp
        default: self = .unanswered(word: kind.rawValue, timedOut: kind == .timeout)
        }
    }
}

/// `Retry-After`, in either of its forms (RFC 9110 §10.2.3).
enum RetryAfter {
    static func duration(in headers: Headers, now: Instant) -> Duration? {
        guard let text = headers.first("Retry-After") else { return nil }
        if let seconds = Int64(text), seconds >= 0 { return .seconds(min(seconds, 86_400 * 7)) }
        guard let moment = Timestamp.fromHTTPDate(text) else { return nil }
        return max(.zero, Instant(milliseconds: moment) - now)
    }
}
