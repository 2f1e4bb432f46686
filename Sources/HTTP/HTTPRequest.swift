/// One request as the server hands it to a handler, complete with its body.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    package var target: RequestTarget
    package var version: HTTPVersion
    package var headers: Headers
    /// The content, with any chunked coding undone; empty while `HTTPHandler.admit` looks at the head.
    package var body: [UInt8]
    /// Who is at the other end of the socket.
    package var peer: NetworkAddress
    /// Whom the request is from: `peer`, or what a trusted proxy says.
    package var client: NetworkAddress
    package var id: RequestID
    /// The label of the listener it came in by, such as `public` or `admin`.
    package var listener: String
    /// Whether it came over TLS, to us or to a trusted proxy.
    package var isSecure: Bool
    /// When its first byte arrived, in microseconds of the monotonic clock (for `Server-Timing`).
    package var arrived: UInt64

    package init(
        _ method: HTTPMethod = .get, _ target: String = "/", headers: Headers = [:], body: [UInt8] = [],
        version: HTTPVersion = .http11, peer: NetworkAddress = .unknown, client: NetworkAddress? = nil,
        id: RequestID = .made(0, 0), listener: String = "public", isSecure: Bool = false, arrived: UInt64 = 0
    ) {
        self.method = method
        self.target = RequestTarget(target)
        self.version = version
        self.headers = headers
        self.body = body
        self.peer = peer
        self.client = client ?? peer
        self.id = id
        self.listener = listener
        self.isSecure = isSecure
        self.arrived = arrived
    }

    package var path: String { target.path }
    package var query: String? { target.query }
    package func queryItem(_ name: String) -> String? { target.queryItem(name) }
}

/// HTTP/1.0 or HTTP/1.1, the two versions of the message syntax in RFC 9112.
package enum HTTPVersion: UInt8, Sendable, Comparable {
    case http10 = 0
    case http11 = 1

    package static func < (left: HTTPVersion, right: HTTPVersion) -> Bool { left.rawValue < right.rawValue }
}
