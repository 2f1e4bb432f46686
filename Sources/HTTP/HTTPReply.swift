/// What came back from someone else, complete: a provider adapter reads it.
package struct HTTPReply: Sendable, Equatable {
    package var status: HTTPStatus
    package var headers: Headers
    package var body: [UInt8]

    package init(_ status: HTTPStatus, headers: Headers = [:], body: [UInt8] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The body as text, with anything that is not UTF-8 replaced.
    package var text: String { String(decoding: body, as: UTF8.self) }
}
