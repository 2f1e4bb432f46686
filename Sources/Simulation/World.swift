import HTTP
import JSON

/// All five upstreams in one value: their jobs, their money, what they were asked, and what they are told to do wrong.
/// Time comes in with every call, so a test can let an hour pass in no time.
package struct World: Sendable {
    package struct Settings: Sendable {
        /// Multiplies every time there is: how long jobs take, rate limits, how long results are kept.
        package var timeScale = 1.0
        /// The keys each provider takes; for one that has none here any key will do that is shown the right way.
        package var keys: [String: Set<String>] = [:]
        /// Calls a minute for one key.
        package var requestsPerMinute: [String: Int] = ["3daistudio": 3, "empiriolabs": 50]
        /// Seconds one job takes, over the usual ones.
        package var durations: [String: Double] = [:]

        package init() {}
    }

    package var settings = Settings()
    package internal(set) var jobs: [SimulatedJob] = []
    var jobIndex: [String: Int] = [:]
    /// In each provider's own smallest unit: credits, or millionths of a US dollar.
    package var balances: [String: Int64] = World.wealth
    package internal(set) var counters: [String: [String: Int]] = [:]
    package internal(set) var received: [ReceivedRequest] = []
    package internal(set) var faults: [PlannedFault] = []
    var nextFault = 1
    var buckets: [String: [Int64]] = [:]
    var numbers: UInt64 = 0x5eed
    package internal(set) var outbox: [PendingWebhook] = []
    /// Keys of jobs whose submitter wants to be called and was not yet.
    var announcing: Set<String> = []
    let signer: WebhookSigner
    let models: ModelShelf

    /// The last requests are kept for tests to look at.
    static let receivedKept = 2000
    static let jobsKept = 100_000

    package init(signer: WebhookSigner, models: ModelShelf = ModelShelf()) {
        self.signer = signer
        self.models = models
    }

    static let wealth: [String: Int64] = [
        "3daistudio": 100_000, "pixazo": 1_000_000_000, "empiriolabs": 1_000_000_000, "runware": 1_000_000_000,
        "fal": 1_000_000_000,
    ]

    static let providers: [any SimulatedProvider] = [
        SimulatedStudio(), SimulatedPixazo(), SimulatedEmpirio(), SimulatedRunware(), SimulatedFal(),
    ]

    /// Answers one request at `now`, in milliseconds. `base` is how the client reaches us: scheme and host.
    package mutating func respond(to request: HTTPRequest, base: String, now: Int64) -> Reaction {
        let segments = request.path.split(separator: "/")
        if segments.first == "_control" { return Reaction(control(request, segments.dropFirst(), now: now)) }
        if segments.first == "_assets" { return asset(request, segments.dropFirst(), now: now) }
        guard let (provider, call) = Self.find(request, segments, base: base, now: now) else {
            count("unknown", "requests")
            return Reaction(.json(["detail": "Not Found"], status: .notFound))
        }
        return respond(call, provider)
    }

    private static func find(
        _ request: HTTPRequest, _ segments: [Substring], base: String, now: Int64
    ) -> (any SimulatedProvider, Call)? {
        var call = Call(request: request, path: segments, base: base, now: now)
        // A provider's own name in front is allowed, for clients that need a host of their own for each.
        var candidates = providers
        let first = segments.first ?? ""
        if let named = providers.first(where: { $0.id == first || $0.aliases.contains(first) }) {
            call.path.removeFirst()
            call.prefix = String(first)
            candidates = [named]
        }
        for provider in candidates {
            if let route = provider.route(call) {
                call.route = route
                return (provider, call)
            }
        }
        return nil
    }

    private mutating func respond(_ call: Call, _ provider: any SimulatedProvider) -> Reaction {
        count(provider.id, "requests")
        count(provider.id, call.route.rawValue)
        let fault = takeFault(provider.id, call.route)
        var response: HTTPResponse
        if let fault, fault.preempts {
            response = fault.response(for: provider)
        } else if let refusal = authorize(call, provider) {
            response = refusal
        } else if let wait = throttle(call, provider) {
            response = provider.refusal(429, "rate_limited", "Rate limit exceeded. Wait and retry.")
            response.headers.set("Retry-After", String(max(1, (wait + 999) / 1000)))
        } else {
            response = provider.respond(call, &self)
            if let fault { response = fault.changing(response, for: provider) }
        }
        note(call, provider, response)
        var reaction = Reaction(response)
        if let until = syncUntil { reaction.delay = max(0, Double(until - call.now) / 1000) }
        syncUntil = nil
        return fault?.applied(to: reaction) ?? reaction
    }

    /// Set by a provider that holds its answer until a job is done.
    var syncUntil: Int64?

    private func authorize(_ call: Call, _ provider: any SimulatedProvider) -> HTTPResponse? {
        guard provider.needsKey(call.route) else { return nil }
        guard let key = provider.key(in: call.request) else {
            return provider.refusal(401, "invalid_api_key", "Invalid or missing API key.")
        }
        if let known = settings.keys[provider.id], !known.contains(key) {
            return provider.refusal(401, "invalid_api_key", "Invalid or missing API key.")
        }
        return nil
    }

    /// A bucket as wide as a minute's calls; nil when there is room, else milliseconds until there is.
    private mutating func throttle(_ call: Call, _ provider: any SimulatedProvider) -> Int64? {
        guard let limit = settings.requestsPerMinute[provider.id], provider.needsKey(call.route) else { return nil }
        let window = Int64(60_000 * settings.timeScale)
        let name = provider.id + " " + (provider.key(in: call.request) ?? "")
        var times = buckets[name, default: []].filter { $0 > call.now - window }
        defer { buckets[name] = times }
        if times.count >= limit {
            count(provider.id, "throttled")
            return times[0] + window - call.now
        }
        times.append(call.now)
        return nil
    }

    mutating func count(_ provider: String, _ what: String, by number: Int = 1) {
        counters[provider, default: [:]][what, default: 0] += number
    }

    private mutating func note(_ call: Call, _ provider: any SimulatedProvider, _ response: HTTPResponse) {
        if received.count >= Self.receivedKept { received.removeFirst(Self.receivedKept / 2) }
        received.append(
            ReceivedRequest(
                provider: provider.id, route: call.route.rawValue, method: call.request.method.name,
                target: call.request.target.description, headers: call.request.headers,
                body: Array(call.request.body.prefix(1 << 16)), status: Int(response.status.code), at: call.now))
    }

    /// A number that nobody has drawn before; the same ones in the same order in every run.
    mutating func draw() -> UInt64 {
        numbers &+= 0x9e37_79b9_7f4a_7c15
        var mixed = numbers
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func uuid() -> String {
        let text = hexadecimal(draw()) + hexadecimal(draw())
        var letters = Array(text)
        letters[12] = "4"
        letters[16] = "a"
        for place in [20, 16, 12, 8] { letters.insert("-", at: place) }
        return String(letters)
    }
}

func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// One request on its way through: the provider's name is off the path.
struct Call: Sendable {
    let request: HTTPRequest
    var path: [Substring]
    let base: String
    let now: Int64
    var prefix: String?
    var route = RouteKind.other

    init(request: HTTPRequest, path: [Substring], base: String, now: Int64) {
        self.request = request
        self.path = path
        self.base = base
        self.now = now
    }

    /// Where this provider is, for addresses in answers.
    var home: String { prefix.map { base + "/" + $0 } ?? base }

    var method: HTTPMethod { request.method }

    func query(_ name: String) -> String? { request.queryItem(name) }
}

package enum RouteKind: String, Sendable, CaseIterable {
    case submit, look, result, cancel, balance, list, keys, asset, job, other
}

/// What happens at the socket.
package struct Reaction: Sendable {
    package enum Manner: Sendable, Hashable {
        case whole
        /// The connection is closed without an answer.
        case nothing
        /// No answer, and the connection stays open.
        case silence
        /// So many bytes of the body, then the connection is closed.
        case cut(Int)
        /// So many bytes of blanks in all; nil: for ever.
        case flood(Int?)
        /// So many bytes a second.
        case trickle(Int)
    }

    package var response: HTTPResponse
    /// Seconds before anything is sent.
    package var delay = 0.0
    package var manner = Manner.whole

    package init(_ response: HTTPResponse) { self.response = response }
}

package struct ReceivedRequest: Sendable {
    package let provider: String
    package let route: String
    package let method: String
    package let target: String
    package let headers: Headers
    package let body: [UInt8]
    package let status: Int
    package let at: Int64
}

extension HTTPResponse {
    static func json(_ value: JSONValue, status: HTTPStatus = .ok) -> HTTPResponse {
        .json(value.bytes, status: status)
    }
}
