/// An answer. The server adds `Date`, `Content-Length` or `Transfer-Encoding`, `Connection` and the request id;
/// a handler sets none of these.
package struct HTTPResponse: Sendable {
    package var status: HTTPStatus
    package var headers: Headers
    package var body: Body
    /// Which of `HTTPHandler.routes` answered, for counting; `unmatched` when none did.
    package var route: Route
    /// Whether the connection should end after this answer; the server may end it for its own reasons as well.
    package var closes: Bool
    /// What is held for the body and let go when its last byte has left, or its connection has gone.
    package var lease: (any AnyObject & Sendable)?

    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        case file(FileBody)
    }

    package init(
        _ status: HTTPStatus = .ok, headers: Headers = [:], body: Body = .none, route: Route = .unmatched,
        closes: Bool = false, lease: (any AnyObject & Sendable)? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.route = route
        self.closes = closes
        self.lease = lease
    }

    /// A JSON answer from bytes a `JSONWriter` made.
    package static func json(_ bytes: [UInt8], status: HTTPStatus = .ok) -> HTTPResponse {
        HTTPResponse(status, headers: jsonHeaders, body: .bytes(bytes))
    }

    package static func text(_ text: String, status: HTTPStatus = .ok) -> HTTPResponse {
        HTTPResponse(status, headers: textHeaders, body: .bytes(Array(text.utf8)))
    }

    private static let jsonHeaders: Headers = ["Content-Type": "application/json"]
    private static let textHeaders: Headers = ["Content-Type": "text/plain; charset=utf-8"]
}

/// The number of a route pattern in `HTTPHandler.routes`. Counting by number keeps raw paths, which a client
/// chooses, out of the metrics.
package struct Route: Sendable, Hashable, RawRepresentable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    package static let unmatched = Route(rawValue: -1)
}

/// A stretch of a file, sent by `sendfile` where the transport allows.
package struct FileBody: Sendable {
    package let path: String
    package let offset: Int64
    package let length: Int64

    package init(path: String, offset: Int64, length: Int64) {
        self.path = path
        self.offset = offset
        self.length = length
    }
}
