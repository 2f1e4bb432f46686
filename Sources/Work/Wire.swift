import HTTP
import HTTPClient

/// Files to and from addresses that are not a provider's API: results, customers' pictures, upload addresses.
/// Never with a provider's key.
package protocol Wire: Sendable {
    /// Writes what is at `url` to `descriptor`, at most `limit` bytes.
    func download(_ url: String, to descriptor: Int32, limit: Int64, timeout: Duration) async -> Transfer
    /// Puts a file to `url`.
    func upload(_ path: String, contentType: String, to url: String, timeout: Duration) async -> Transfer
}

package enum Transfer: Hashable, Sendable {
    /// Done: so many bytes.
    case done(bytes: Int64)
    /// It may work later: no connection, a timeout, 5xx, 429.
    case later(String)
    /// It will not: 4xx, a forbidden address, too large.
    case never(String)
    /// The trouble is on our side: a disk, a client that is closing.
    case ours(String)
}

/// The wire itself: every address judged by the egress policy where it is connected to.
package struct ClientWire: Wire {
    private let client: HTTPClient
    private let policy: CallPolicy

    /// `policy` gives the egress rules and the trust; timeouts and sizes come with each call.
    package init(_ client: HTTPClient, policy: CallPolicy) {
        self.client = client
        var policy = policy
        policy.redirects = 3
        // A host that gives less than a kilobyte a second for half a minute is not going to finish.
        policy.stall = .init(bytesPerSecond: 1024, seconds: 30)
        self.policy = policy
    }

    package func download(_ url: String, to descriptor: Int32, limit: Int64, timeout: Duration) async -> Transfer {
        var policy = policy
        policy.body = .fail(above: limit)
        policy.totalTimeout = timeout
        let request = OutgoingRequest(.get, url, headers: ["Accept": "*/*"])
        return Transfer(await client.send(request, policy: policy, into: .file(descriptor: descriptor)))
    }

    package func upload(_ path: String, contentType: String, to url: String, timeout: Duration) async -> Transfer {
        var policy = policy
        policy.body = .cut(at: 4096)
        policy.totalTimeout = timeout
        policy.redirects = 0
        let request = OutgoingRequest(.put, url, headers: ["Content-Type": contentType], body: .file(path: path))
        return Transfer(await client.send(request, policy: policy))
    }
}

extension Transfer {
    package init(_ outcome: CallOutcome) {
        switch outcome {
        case .success(let answer):
            let status = answer.reply.status.code
            switch status {
            case 200..<300: self = .done(bytes: answer.bodyBytes)
            case 408, 425, 429, 500...: self = .later("status \(status)")
            default: self = .never("status \(status)")
            }
        case .failure(let failure):
            switch failure.kind {
            case .malformed, .blockedAddress, .tooLarge, .redirect: self = .never("\(failure)")
            case .resolve, .connect, .tls, .timeout, .reset, .truncated, .garbled: self = .later("\(failure)")
            case .file, .canceled, .overloaded, .closed, .internal: self = .ours("\(failure)")
            }
        }
    }
}
