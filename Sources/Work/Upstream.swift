import HTTP
import HTTPClient

/// Where a provider's requests go: over the network, or to the sandbox in this process.
package protocol Upstream: Sendable {
    /// Sends one request and waits for its whole answer.
    func send(_ request: OutgoingRequest, timeout: Duration) async -> UpstreamOutcome
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

    package func send(_ request: OutgoingRequest, timeout: Duration) async -> UpstreamOutcome { await answer(request) }
}

/// An upstream at the other end of the network.
package struct ClientUpstream: Upstream {
    private let client: HTTPClient
    private let policy: CallPolicy

    /// `policy` gives the egress rules and the trust. The timeout comes with each call.
    package init(_ client: HTTPClient, policy: CallPolicy) {
        self.client = client
        var policy = policy
        // A submit costs money: it is not sent a second time behind our back.
        policy.resending = .ifIdempotent
        policy.redirects = 0
        self.policy = policy
    }

    package func send(_ request: OutgoingRequest, timeout: Duration) async -> UpstreamOutcome {
        var policy = policy
        policy.totalTimeout = timeout
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
