import Domain
import HTTP
import Store
import Synchronization

/// The front of the house: takes a request, reads or writes rows, answers. It knows the store, and of the rest
/// only what `Surroundings` says.
package final class API: HTTPHandler {
    let store: any Store
    let around: Surroundings
    let status: StatusBody
    let router: Router
    let limiter = RateLimiter()
    let pictures: Pictures
    package let waiting: Waiting
    let inline = InlineAllowance()
    private let current: Mutex<SettingsBox>

    /// `status` must be the one that the store renders with, so that both say the same.
    package init(store: any Store, around: Surroundings, status: StatusBody, settings: Settings) {
        self.store = store
        self.around = around
        self.status = status
        router = Router(Self.endpoints)
        pictures = Pictures(width: settings.limits.picturesAtOnce)
        waiting = Waiting(store: store, around: around)
        current = Mutex(SettingsBox(settings))
        store.onChange { [waiting] in waiting.changed($0) }
    }

    /// All at once: a request sees the old settings or the new ones.
    package var settings: Settings {
        get { current.withLock { $0 }.settings }
        set {
            let box = SettingsBox(newValue)
            current.withLock { $0 = box }
        }
    }

    /// So that reading the settings costs one retain, not one for every array in them.
    private final class SettingsBox: Sendable {
        let settings: Settings
        init(_ settings: Settings) { self.settings = settings }
    }

    package var routes: [String] { router.patterns }

    // MARK: HTTPHandler

    package func admit(_ head: HTTPRequest) -> HTTPResponse? {
        do throws(Refusal) {
            _ = try enter(head, settings: settings)
            return nil
        } catch {
            return refuse(error, head, route: router.match(head.target)?.route ?? .unmatched)
        }
    }

    package func respond(to request: HTTPRequest, reply: Reply) -> HTTPResponse? {
        if let answer = statusFromMemory(request) { return answer }
        let settings = settings
        let match = router.match(request.target)
        let route = match?.route ?? .unmatched
        do throws(Refusal) {
            if request.method == .options { return try options(request, match, settings) }
            var call = try enter(request, settings: settings)
            try count(&call)
            switch call.endpoint.answer {
            case .now(let act): return finish(try act(self)(call), call)
            case .whenever(let act): return try act(self)(call, reply).map { finish($0, call) }
            case .later(let act):
                let call = call
                reply.answer(by: self, call) { [self] () async throws(Refusal) in try await act(self)(call) }
                return nil
            }
        } catch {
            return refuse(error, request, route: route)
        }
    }

    /// What the server itself refuses, in the one shape of errors.
    package static func refusal(
        _ status: HTTPStatus, code: String, message: String, for id: RequestID
    ) -> HTTPResponse {
        ErrorBody(.framing(status, code: code, message: message)).response(for: id)
    }

    // MARK: Inside

    /// Route, method, key, scope and the promises of the head: all that can be said before the body.
    private func enter(_ request: HTTPRequest, settings: Settings) throws(Refusal) -> Call {
        guard let match = router.match(request.target), Self.isServed(match, on: request.listener, settings) else {
            throw .noSuchRoute
        }
        guard let endpoint = match.endpoint(for: request.method) else { throw .methodNotAllowed(allow: match.allow) }
        let now = around.now()
        let caller = try caller(of: request, for: endpoint, settings: settings, now: now)
        try checkHead(of: request, endpoint, settings)
        var parameters: [String] = []
        for range in match.parameters {
            let raw = String(decoding: request.target.bytes[range], as: UTF8.self)
            guard let text = PercentCoding.decode(raw) else { throw .noSuchRoute }
            parameters.append(text)
        }
        return Call(
            request: request, endpoint: endpoint, route: match.route, parameters: parameters, caller: caller,
            settings: settings, now: now)
    }

    /// The admin routes may have a listener of their own, and so may the metrics; elsewhere they do not exist. The
    /// metrics' listener has nothing else but what a monitor asks.
    private static func isServed(_ match: Router.Match, on listener: String, _ settings: Settings) -> Bool {
        guard listener != API.controlListener, let endpoint = match.endpoints.first else { return true }
        if endpoint.pattern.hasPrefix("/admin/"), let admin = settings.adminListener { return listener == admin }
        guard let metrics = settings.metricsListener else { return true }
        if endpoint.pattern == "/metrics" { return listener == metrics }
        // It may be open to a network that has no business with customers.
        return listener != metrics || endpoint.pattern == "/healthz" || endpoint.pattern == "/readyz"
    }

    /// The label of the socket in the gateway's own directory.
    package static let controlListener = "control"

    private func checkHead(of request: HTTPRequest, _ endpoint: Endpoint, _ settings: Settings) throws(Refusal) {
        let limit =
            switch endpoint.body {
            case .picture: settings.limits.bodyBytes
            case .none, .json, .raw: settings.limits.smallBodyBytes
            }
        let announced = request.headers["Content-Length"].flatMap { Int($0) } ?? request.body.count
        guard announced <= limit, request.body.count <= limit else {
            throw .bodyTooLarge(limit: limit, takesPicture: endpoint.body == .picture)
        }
        guard endpoint.body == .json || endpoint.body == .picture else { return }
        if let type = request.headers["Content-Type"] {
            guard Self.isJSON(type) else {
                throw .wrongContentType(String(type.prefix(80)), takesPicture: endpoint.body == .picture)
            }
        }
        if let coding = request.headers["Content-Encoding"], !coding.isEmpty, coding.lowercased() != "identity" {
            throw .encodedBody(coding: String(coding.prefix(80)))
        }
    }

    private static func isJSON(_ contentType: String) -> Bool {
        let type = contentType.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        let name = String(decoding: type, as: UTF8.self).lowercased()
        return name == "application/json" || (name.hasPrefix("application/") && name.hasSuffix("+json"))
    }

    /// Takes from the limits that this endpoint shares.
    private func count(_ call: inout Call) throws(Refusal) {
        guard case .key(let principal, _) = call.caller else { return }
        let limits = call.settings.limits
        switch call.endpoint.pace {
        case .free: return
        case .look:
            let verdict = limiter.take(.reader(principal.key), perMinute: limits.readsPerMinute, now: call.now)
            guard verdict.isAllowed else { throw .rateLimited(verdict, what: "reads") }
        case .act:
            let ofAccount = principal.limits.requestsPerMinute ?? limits.requestsPerMinute
            let verdict = limiter.take(.account(principal.account), perMinute: ofAccount, now: call.now)
            guard verdict.isAllowed else { throw .rateLimited(verdict, what: "requests") }
            call.verdict = verdict
        }
    }

    func finish(_ response: HTTPResponse, _ call: Call) -> HTTPResponse {
        var response = response
        response.route = call.route
        if let verdict = call.verdict {
            for (name, value) in verdict.headers { response.headers.add(name, value) }
        }
        addOrigin(to: &response, call.request, call.settings)
        return response
    }

    func refuse(_ refusal: Refusal, _ call: Call) -> HTTPResponse { refuse(refusal, call.request, route: call.route) }

    func refuse(_ refusal: Refusal, _ request: HTTPRequest, route: Route) -> HTTPResponse {
        let error = ErrorBody(refusal)
        if let why = error.forTheLog { around.report(why, request.id) }
        var response = error.response(for: request.id)
        response.route = route
        addOrigin(to: &response, request, settings)
        return response
    }
}

extension API {
    /// Every route there is, in the order of the document.
    static let endpoints: [Endpoint] =
        generations + tasks + wallet + webhookEndpoints + webhookDeliveries + catalogue + assets + operations
        + administration

    static let administration =
        adminAccounts + adminKeys + adminCredits + adminTasks + adminWebhooks + adminProviders + adminHouse

    /// Asks the store, and says its refusals in our words.
    func ask<R>(_ question: () async throws(StoreError) -> R) async throws(Refusal) -> R {
        do throws(StoreError) {
            return try await question()
        } catch {
            throw .store(error)
        }
    }
}
