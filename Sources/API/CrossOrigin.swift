import HTTP

/// What browsers ask before they let a page of another origin call (the Fetch standard's CORS protocol). Off unless
/// the operator lists origins.
extension API {
    /// OPTIONS: which methods a path takes, and for a preflight, what a page may send.
    func options(
        _ request: HTTPRequest, _ match: Router.Match?, _ settings: Settings
    ) throws(Refusal) -> HTTPResponse {
        if request.target.bytes == [UInt8(ascii: "*")] { return HTTPResponse(.noContent) }
        guard let match else { throw .noSuchRoute }
        var response = HTTPResponse(.noContent, headers: ["Allow": match.allow], route: match.route)
        addOrigin(to: &response, request, settings)
        if response.headers.contains("Access-Control-Allow-Origin"),
            request.headers.contains("Access-Control-Request-Method")
        {
            response.headers.add("Access-Control-Allow-Methods", match.allow)
            response.headers.add("Access-Control-Allow-Headers", Self.allowedHeaders)
            response.headers.add("Access-Control-Max-Age", "600")
        }
        return response
    }

    func addOrigin(to response: inout HTTPResponse, _ request: HTTPRequest, _ settings: Settings) {
        guard !settings.origins.isEmpty else { return }
        // The answer differs by origin even where it names none.
        response.headers.add("Vary", "Origin")
        guard let origin = request.headers["Origin"] else { return }
        guard settings.origins.contains("*") || settings.origins.contains(origin) else { return }
        guard (try? response.headers.add("Access-Control-Allow-Origin", from: origin)) != nil else { return }
        response.headers.add("Access-Control-Expose-Headers", Self.exposedHeaders)
    }

    private static let allowedHeaders =
        "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, Prefer, X-Request-Id, X-Webhook-URL"
    private static let exposedHeaders =
        "Content-Disposition, ETag, Idempotent-Replayed, RateLimit, RateLimit-Policy, Retry-After, Server-Timing, "
        + "X-Credits-Charged, X-Credits-Remaining, X-Request-Id"
}
