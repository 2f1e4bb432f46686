/// What a server asks of the program behind it. All calls come on an event loop, so none may block: an answer
/// that needs a wait is promised by returning `nil` and given later through the `Reply`.
package protocol HTTPHandler: Sendable {
    /// The route patterns, in a fixed order; `HTTPResponse.route` is an index into them.
    var routes: [String] { get }

    /// Called when a head is complete and its body is yet to come, before it is read or asked for
    /// (`Expect: 100-continue`): an answer refuses the request then and there, `nil` lets the body come. A body that
    /// came with its head is not asked about.
    func admit(_ head: HTTPRequest) -> HTTPResponse?

    /// Answers at once, or returns `nil` and answers later through `reply`, exactly once, from any thread.
    func respond(to request: HTTPRequest, reply: Reply) -> HTTPResponse?
}

extension HTTPHandler {
    package var routes: [String] { [] }
    package func admit(_ head: HTTPRequest) -> HTTPResponse? { nil }
}
