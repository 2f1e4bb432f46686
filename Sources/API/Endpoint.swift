import Domain
import HTTP

/// One row of the route table: what is asked how, by whom, and which function answers. The router, the `Allow`
/// header, the OpenAPI document and the scope matrix are all read from these rows.
struct Endpoint: Sendable {
    enum Access: Sendable, Hashable {
        /// Anybody: there is nothing to protect, or the address carries its own proof.
        case open
        /// A customer's key that may act.
        case customer
        /// A customer's key that may look.
        case onlooker
        /// Any key there is.
        case anyKey
        /// A key of scope `admin`, or the control socket.
        case operating

        var scopes: [Scope] {
            switch self {
            case .open, .anyKey: Scope.allCases
            case .customer: [.user]
            case .onlooker: [.user, .read]
            case .operating: [.admin]
            }
        }
    }

    enum Body: Sendable, Hashable {
        case none
        /// A JSON object of ordinary size.
        case json
        /// A JSON object that may hold a picture.
        case picture
        /// Whatever a provider sends.
        case raw
    }

    enum Pace: Sendable, Hashable {
        /// Counted with the submits.
        case act
        /// Counted with the lists.
        case look
        /// Not counted: a status read, or nothing a limit would protect.
        case free
    }

    enum Answer: Sendable {
        /// From memory, on the event loop.
        case now(@Sendable (API) -> @Sendable (Call) throws(Refusal) -> HTTPResponse)
        /// After a wait.
        case later(@Sendable (API) -> @Sendable (Call) async throws(Refusal) -> HTTPResponse)
        /// Whenever it likes: it keeps the reply.
        case whenever(@Sendable (API) -> @Sendable (Call, Reply) throws(Refusal) -> HTTPResponse?)
    }

    let method: HTTPMethod
    /// Without the slash at the end, which is taken or left.
    let pattern: String
    let access: Access
    let body: Body
    let pace: Pace
    let answer: Answer
    let operation: Operation

    init(
        _ method: HTTPMethod, _ pattern: String, _ access: Access, body: Body = .none, pace: Pace = .look,
        _ answer: Answer, _ operation: Operation
    ) {
        self.method = method
        self.pattern = pattern
        self.access = access
        self.body = body
        self.pace = pace
        self.answer = answer
        self.operation = operation
    }
}

/// One request on its way through an endpoint.
struct Call: Sendable {
    var request: HTTPRequest
    let endpoint: Endpoint
    let route: Route
    /// What stands where the pattern has braces, percent-decoded.
    let parameters: [String]
    let caller: Caller
    let settings: API.Settings
    let now: Instant
    /// The counted limit's word, to be told in the answer.
    var verdict: RateLimit.Verdict?

    var principal: Principal {
        get throws(Refusal) {
            guard case .key(let principal, _) = caller else { throw .noKey }
            return principal
        }
    }

    var spendCap: Credits? {
        if case .key(_, let cap) = caller { cap } else { nil }
    }

    /// For the audit: who did it.
    var actor: String {
        switch caller {
        case .nobody: "nobody"
        case .key(let principal, _): "key:\(principal.key)"
        case .controlSocket: "control"
        }
    }
}

enum Caller: Sendable {
    case nobody
    case key(Principal, spendCap: Credits?)
    /// Whoever may open a socket in the gateway's own directory operates it.
    case controlSocket
}
