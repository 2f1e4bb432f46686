/// A request to someone else, as a value: a provider adapter builds it, the client sends it.
package struct OutgoingRequest: Sendable, Equatable {
    package var method: HTTPMethod
    /// Absolute, with scheme and host.
    package var url: String
    package var headers: Headers
    package var body: Body

    package enum Body: Sendable, Equatable {
        case none
        case bytes([UInt8])
        /// The whole file at this path, streamed from disk.
        case file(path: String)
    }

    package init(_ method: HTTPMethod, _ url: String, headers: Headers = [:], body: Body = .none) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// A request with a JSON body and its content type.
    package static func json(
        _ method: HTTPMethod = .post, _ url: String, headers: Headers = [:], body: [UInt8]
    ) -> OutgoingRequest {
        var headers = headers
        headers.set("Content-Type", "application/json")
        return OutgoingRequest(method, url, headers: headers, body: .bytes(body))
    }
}
