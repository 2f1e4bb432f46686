/// A request method (RFC 9110 §9). The registered ones are plain cases, so comparing them costs nothing;
/// any other token is still representable, so that it can be refused by name.
package enum HTTPMethod: Hashable, Sendable {
    case get, head, post, put, delete, patch, options, trace, connect
    /// A valid token that is none of the above. Methods are case-sensitive, so `get` lands here.
    case other(String)

    package init(_ name: String) {
        switch name {
        case "GET": self = .get
        case "HEAD": self = .head
        case "POST": self = .post
        case "PUT": self = .put
        case "DELETE": self = .delete
        case "PATCH": self = .patch
        case "OPTIONS": self = .options
        case "TRACE": self = .trace
        case "CONNECT": self = .connect
        default: self = .other(name)
        }
    }

    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .trace: "TRACE"
        case .connect: "CONNECT"
        case .other(let name): name
        }
    }

    /// Whether asking twice does no more than asking once (RFC 9110 §9.2.2).
    package var isIdempotent: Bool {
        switch self {
        case .get, .head, .put, .delete, .options, .trace: true
        case .post, .patch, .connect, .other: false
        }
    }
}

extension HTTPMethod: CustomStringConvertible {
    package var description: String { name }
}
