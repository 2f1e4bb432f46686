import Domain
import HTTP
import JSON
import Store

// Where an account wants to be told: made, shown, changed, turned off and on, given new secrets.

extension API {
    static let webhookEndpoints: [Endpoint] = [
        Endpoint(
            .post, "/v1/webhook-endpoints", .customer, body: .json, pace: .act, .later(API.createEndpoint),
            .createEndpoint),
        Endpoint(.get, "/v1/webhook-endpoints", .onlooker, .later(API.listEndpoints), .listEndpoints),
        Endpoint(.get, "/v1/webhook-endpoints/{endpoint}", .onlooker, .later(API.showEndpoint), .showEndpoint),
        Endpoint(
            .patch, "/v1/webhook-endpoints/{endpoint}", .customer, body: .json, pace: .act,
            .later(API.changeEndpoint), .changeEndpoint),
        Endpoint(
            .delete, "/v1/webhook-endpoints/{endpoint}", .customer, pace: .act, .later(API.deleteEndpoint),
            .deleteEndpoint),
        Endpoint(
            .post, "/v1/webhook-endpoints/{endpoint}/enable", .customer, pace: .act, .later(API.enableEndpoint),
            .enableEndpoint),
        Endpoint(
            .post, "/v1/webhook-endpoints/{endpoint}/rotate", .customer, body: .json, pace: .act,
            .later(API.rotateEndpointSecret), .rotateEndpointSecret),
        Endpoint(
            .get, "/v1/webhook-secret", .customer, .later(API.readDefaultSecret), .readDefaultSecret),
    ]

    /// More than any system of one company needs, few enough that an event's fan-out stays one short transaction.
    private static let endpointsPerAccount = 50

    @Sendable func createEndpoint(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let (acts, account) = (try webhooks(), try call.principal.account)
        var fields = try Fields(call.request.body)
        let scheme = fields.word("scheme", of: ["hmac", "ed25519"]) ?? "hmac"
        var endpoint = WebhookEndpoint(
            id: .new(at: call.now), account: account, url: "", description: "", kinds: [], headers: [:],
            requestsPerSecond: nil, concurrency: nil, createdAt: call.now)
        if !fields.has("url") { fields.fault(FieldFault("url", "url is required: where events are to be sent.")) }
        change(&endpoint, by: &fields, nulls: [])
        fields.refuse(allBut: Self.endpointFields + ["scheme"])
        try fields.check()
        let key = try onceOnly(call, "webhook-endpoints")
        if let again = try await again(key, .created, call) { return again }
        let known = try await ask { () async throws(StoreError) in try await store.endpoints(of: account) }
        guard known.count < Self.endpointsPerAccount else {
            throw .conflict(
                code: "too_many_endpoints", message: "An account may have \(Self.endpointsPerAccount) endpoints.")
        }
        let secret = acts.makeSecret(scheme == "hmac" ? .hmac : .ed25519, call.now)
        let made = endpoint
        return try await answer(Self.body(of: made, secret: acts.show(secret)), .created, once: key, call) {
            answer throws(StoreError) in try await store.createEndpoint(made, secret: secret, answer: answer)
        }
    }

    @Sendable func listEndpoints(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let account = try call.principal.account
        let all = try await ask { () async throws(StoreError) in try await store.endpoints(of: account) }
        return Self.list(Page(items: all, next: nil)) { json, endpoint in json.object { $0.write(endpoint) } }
    }

    @Sendable func showEndpoint(_ call: Call) async throws(Refusal) -> HTTPResponse {
        answer(try await endpoint(call))
    }

    @Sendable func changeEndpoint(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var endpoint = try await endpoint(call)
        var fields = try Fields(call.request.body)
        change(&endpoint, by: &fields, nulls: try Fields.nulls(in: call.request.body))
        fields.refuse(allBut: Self.endpointFields)
        try fields.check()
        let changed = endpoint
        try await ask { () async throws(StoreError) in try await store.updateEndpoint(changed) }
        return answer(changed)
    }

    @Sendable func deleteEndpoint(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let endpoint = try await endpoint(call)
        try await ask { () async throws(StoreError) in
            try await store.deleteEndpoint(endpoint.id, account: endpoint.account, now: call.now)
        }
        return HTTPResponse(.noContent)
    }

    @Sendable func enableEndpoint(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var endpoint = try await endpoint(call)
        let id = endpoint.id
        let account = endpoint.account
        try await ask { () async throws(StoreError) in
            try await store.enableEndpoint(id, account: account, now: call.now)
        }
        try webhooks().wake()
        (endpoint.disabledAt, endpoint.disabledReason, endpoint.failingSince) = (nil, nil, nil)
        return answer(endpoint)
    }

    /// The new secret signs from now on, first; the old one as well until the overlap ends.
    @Sendable func rotateEndpointSecret(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let acts = try webhooks()
        let endpoint = try await endpoint(call)
        var fields = try Fields(call.request.body.isEmpty ? Array("{}".utf8) : call.request.body)
        let overlap = fields.integer("overlap_seconds", 0...(7 * 86_400)) ?? 86_400
        let wanted = fields.word("scheme", of: ["hmac", "ed25519"])
        fields.refuse(allBut: ["overlap_seconds", "scheme"])
        try fields.check()
        let key = try onceOnly(call, "webhook-secrets")
        let scheme = try await scheme(wanted, of: endpoint)
        let secret = acts.makeSecret(scheme, call.now)
        return try await answer(Self.body(of: endpoint, secret: acts.show(secret)), .ok, once: key, call) {
            answer throws(StoreError) in
            try await store.rotateSecret(
                endpoint.id, to: secret, overlapEnds: call.now + .seconds(overlap), now: call.now, answer: answer)
        }
    }

    /// A rotation that names no scheme keeps the endpoint's own: its receiver may know no other.
    private func scheme(
        _ wanted: String?, of endpoint: WebhookEndpoint
    ) async throws(Refusal) -> WebhookSecret.Scheme {
        if let wanted { return wanted == "hmac" ? .hmac : .ed25519 }
        return try await ask { () async throws(StoreError) in
            try await store.scheme(of: endpoint.id, account: endpoint.account)
        }
    }

    /// What signs deliveries to a task's own `webhook_url`.
    @Sendable func readDefaultSecret(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let (acts, account) = (try webhooks(), try call.principal.account)
        let secret = try await ask { () async throws(StoreError) in
            try await store.defaultSecret(of: account) { acts.makeSecret(.hmac, call.now) }
        }
        var json = JSONWriter()
        json.object { $0.member("secret", acts.show(secret).secret) }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    // MARK: Inside

    func webhooks() throws(Refusal) -> WebhookActs {
        guard let acts = around.webhooks else { throw .unavailable("This gateway was started without webhooks.") }
        return acts
    }

    func endpoint(_ call: Call) async throws(Refusal) -> WebhookEndpoint {
        let account = try call.principal.account
        guard let id = EndpointID(call.parameters[0]) else { throw .notFound("webhook endpoint") }
        let found = try await ask { () async throws(StoreError) in try await store.endpoint(id, account: account) }
        guard let found else { throw .notFound("webhook endpoint") }
        return found
    }

    private static let endpointFields = [
        "url", "events", "description", "headers", "requests_per_second", "concurrency",
    ]

    /// Kinds an owner may ask for: `ping` comes whenever it is asked for.
    private static let kinds = Event.Kind.allCases.filter { $0 != .ping }.map(\.rawValue)

    private func change(_ endpoint: inout WebhookEndpoint, by fields: inout Fields, nulls: Set<String>) {
        if let url = fields.text("url", lengths: 1...2048) {
            endpoint.url = url
            if let objection = around.objection(url) {
                fields.fault(FieldFault("url", "url \(objection)", value: .string(url)))
            }
        }
        if let text = fields.text("description", lengths: 0...500) { endpoint.description = text }
        if let value = fields.value("events") {
            let words = value.array?.compactMap(\.string) ?? []
            // The first that is wrong, or all of it if it is no list.
            let isKnown = { (item: JSONValue) in item.string.map(Self.kinds.contains) ?? false }
            if let wrong = value.array.map({ items in items.first { !isKnown($0) } }) ?? value {
                let list = Self.kinds.joined(separator: ", ")
                fields.fault(
                    FieldFault(
                        "events", "events must be a list out of \(list); got \(FieldFault.shown(wrong)).",
                        value: wrong, allowed: .array(Self.kinds.map(JSONValue.string)),
                        suggestion: wrong.string.flatMap { Spelling.nearest(to: $0, of: Self.kinds) }
                            .map { "Did you mean \($0)?" }))
            }
            endpoint.kinds = Set(words.compactMap(Event.Kind.init(rawValue:)))
        }
        if let value = fields.value("headers") { endpoint.headers = Self.headers(value, &fields) }
        if let rate = fields.number("requests_per_second", 0.01...1000) { endpoint.requestsPerSecond = rate }
        if let count = fields.integer("concurrency", 1...64) { endpoint.concurrency = Int(count) }
        if nulls.contains("events") { endpoint.kinds = [] }
        if nulls.contains("headers") { endpoint.headers = [:] }
        if nulls.contains("requests_per_second") { endpoint.requestsPerSecond = nil }
        if nulls.contains("concurrency") { endpoint.concurrency = nil }
    }

    private static func headers(_ value: JSONValue, _ fields: inout Fields) -> [String: String] {
        guard let object = value.object, object.count <= 10, object.members.allSatisfy({ $0.value.string != nil })
        else {
            fields.fault(FieldFault("headers", "headers must be an object of at most ten names with text values."))
            return [:]
        }
        var headers: [String: String] = [:]
        for member in object.members {
            let text = member.value.string ?? ""
            if let fault = CustomHeader.fault(name: member.name, value: text) {
                fields.fault(FieldFault("headers", "headers: \(fault)."))
            }
            headers[member.name] = text
        }
        return headers
    }

    private func answer(_ endpoint: WebhookEndpoint) -> HTTPResponse {
        HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(Self.body(of: endpoint)))
    }

    private static func body(
        of endpoint: WebhookEndpoint, secret: (secret: String, publicKey: String?)? = nil
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.write(endpoint)
            if let secret {
                json.member("secret", secret.secret)
                if let publicKey = secret.publicKey { json.member("public_key", publicKey) }
            }
        }
        return json.bytes
    }
}

extension JSONWriter {
    /// Header values may be secrets of the receiver's: only their names are shown.
    mutating func write(_ endpoint: WebhookEndpoint) {
        member("id", endpoint.id.description)
        member("url", endpoint.url)
        member("description", endpoint.description)
        array("events") { for kind in endpoint.kinds.map(\.rawValue).sorted() { $0.string(kind) } }
        array("headers") { for name in endpoint.headers.keys.sorted() { $0.string(name) } }
        key("requests_per_second")
        if let rate = endpoint.requestsPerSecond { number(rate) } else { null() }
        member("concurrency", endpoint.concurrency)
        member("enabled", endpoint.disabledAt == nil)
        member("disabled_at", endpoint.disabledAt?.description)
        member("disabled_reason", endpoint.disabledReason)
        member("failing_since", endpoint.failingSince?.description)
        member("created_at", endpoint.createdAt.description)
    }
}
