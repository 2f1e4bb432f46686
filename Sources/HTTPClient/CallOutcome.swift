import HTTP

/// How a call ended: with an answer, or with the reason why there is none.
package typealias CallOutcome = Result<Answer, CallFailure>

/// A whole answer: its head came to an end, and so did its body, unless the policy cut it.
package struct Answer: Sendable, Equatable {
    package var reply: HTTPReply
    /// How many bytes of body came, also when they went to a file or a stream.
    package var bodyBytes: Int64
    /// Whether the policy stopped reading here (`BodyLimit.cut`).
    package var isCut: Bool
    /// The URL that answered: the one asked, unless a redirect was followed.
    package var url: String
    package var timings: CallTimings
}

/// Why there is no answer, and how far the call had got.
package struct CallFailure: Error, Sendable, Equatable {
    package var kind: Kind
    package var phase: CallPhase
    /// The status, when at least the first line of an answer came.
    package var status: HTTPStatus?
    /// libcurl's words, for the operator's log. Never for a tenant: they may name addresses.
    package var diagnosis: String
    package var timings: CallTimings

    /// Whether the request cannot have been acted upon, so that sending it again is safe whatever it does.
    package var isUnsent: Bool { phase < .sent }

    /// Stable words, as the attempts log and metrics show them.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The URL, a header or the body cannot be sent as it is; nothing was tried.
        case malformed
        /// An address that the egress policy refuses, whatever listens there.
        case blockedAddress = "blocked_address"
        case resolve = "resolve_error"
        case connect = "connect_error"
        case tls = "tls_error"
        case timeout
        /// The connection broke before an answer began.
        case reset = "connection_reset"
        /// The connection ended inside the head or the body of an answer.
        case truncated
        /// What came back is not HTTP.
        case garbled
        case tooLarge = "too_large"
        /// A redirect that leads to where it must not, or one too many.
        case redirect = "redirect_refused"
        /// The file to be sent could not be read, or the one to be filled could not be written.
        case file = "file_error"
        case canceled
        /// More calls than the client's limit; nothing was tried.
        case overloaded
        /// The client is closing; nothing was tried.
        case closed
        /// A fault of our own or of libcurl.
        case `internal` = "internal_error"
    }
}

extension CallFailure: CustomStringConvertible {
    /// For whoever owns the URL. It says no more about a refused address than that it is refused.
    package var description: String {
        let what =
            switch kind {
            case .malformed: "the request cannot be sent as it is"
            case .blockedAddress: "the URL leads to an address that is not allowed"
            case .resolve: "the host name could not be resolved"
            case .connect: "no connection could be made"
            case .tls: "the TLS handshake failed; the certificate must be valid for the host"
            case .timeout: "no complete answer came in time"
            case .reset: "the connection was closed before an answer came"
            case .truncated: "the answer ended too early"
            case .garbled: "the answer is not HTTP"
            case .tooLarge: "the answer is too large"
            case .redirect: "the answer redirects to where it must not"
            case .file: "a file on our side could not be read or written"
            case .canceled: "the call was canceled"
            case .overloaded: "too many calls are in flight"
            case .closed: "the gateway is shutting down"
            case .internal: "the call failed inside the gateway"
            }
        return status.map { "\(what) (status \($0))" } ?? what
    }
}

/// How far a call got. `sent` is the point of no return: from there on the other side may have acted upon it.
package enum CallPhase: Int, Sendable, Comparable, CaseIterable {
    case waiting, resolving, connecting, sent, receiving

    package static func < (left: CallPhase, right: CallPhase) -> Bool { left.rawValue < right.rawValue }
}

/// Microseconds since the call was made; 0 for what did not happen, such as connecting when a connection was kept.
package struct CallTimings: Sendable, Hashable {
    package var resolved: Int64 = 0
    package var connected: Int64 = 0
    package var secured: Int64 = 0
    package var sent: Int64 = 0
    package var firstByte: Int64 = 0
    package var total: Int64 = 0

    package init() {}
}
