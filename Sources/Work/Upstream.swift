import HTTP
import HTTPClient

/// Where a provider's requests go: over the network, or to the sandbox in this process.
package protocol Upstream: Sendable {
    /// Sends one request and waits for its whole answer.
    func send(_ request: OutgoingRequest, _ terms: CallTerms) async -> UpstreamOutcome
}

/// What one call may take, and do.
package struct CallTerms: Sendable, Hashable {
    package let timeout: Duration
    /// The longest answer worth reading: more is not taken from the network.
    package let replyBytes: Int
    /// Nothing is bought twice when it arrives twice, whatever its method: it may go over a kept connection, and
    /// again over a fresh one when the kept one turns out dead.
    package let isRepeatable: Bool

    package init(timeout: Duration, replyBytes: Int, isRepeatable: Bool) {
        self.timeout = timeout
        self.replyBytes = replyBytes
        self.isRepeatable = isRepeatable
    }
}

package enum UpstreamOutcome: Sendable, Equatable {
    case answered(HTTPReply)
    /// No whole answer came.
    case failed(UpstreamFailure)
}

package struct UpstreamFailure: Sendable, Equatable {
    /// A stable word, as metrics and evidence show it.
    package let word: String
    package let message: String
    /// The request had left when it failed, so it may have been acted upon.
    package let wasSent: Bool
    /// The status, when the answer began and did not end.
    package let status: Int?

    package init(word: String, message: String, wasSent: Bool, status: Int? = nil) {
        self.word = word
        self.message = message
        self.wasSent = wasSent
        self.status = status
    }
}

/// An upstream made of a function: the sandbox, or a test's script.
package struct InProcessUpstream: Upstream {
    private let answer: @Sendable (OutgoingRequest) async -> UpstreamOutcome

    package init(_ answer: @escaping @Sendable (OutgoingRequest) async -> UpstreamOutcome) { self.answer = answer }

    package func send(_ request: OutgoingRequest, _ terms: CallTerms) async -> UpstreamOutcome { await answer(request) }
}

/// An upstream at the other end of the network.
package struct ClientUpstream: Upstream {
    private let client: HTTPClient
    private let policy: CallPolicy

    /// `policy` gives the egress rules and the trust. The rest comes with each call.
    package init(_ client: HTTPClient, policy: CallPolicy) {
        self.client = client
        var policy = policy
        policy.redirects = 0
        self.policy = policy
    }

    package func send(_ request: OutgoingRequest, _ terms: CallTerms) async -> UpstreamOutcome {
        var policy = policy
        policy.totalTimeout = terms.timeout
        policy.body = .fail(above: Int64(terms.replyBytes))
        // A submit costs money: it is not sent a second time behind our back.
        policy.resending = terms.isRepeatable ? .always : .ifIdempotent
        switch await client.send(request, policy: policy) {
        case .success(let answer): return .answered(answer.reply)
        case .failure(let failure):
            return .failed(
                UpstreamFailure(
                    word: failure.kind.rawValue, message: "\(failure)", wasSent: !failure.isUnsent,
                    status: failure.status.map { Int($0.code) }))
        }
    }
}
