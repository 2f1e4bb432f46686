import Domain
import HTTP
import JSON
import Store

// What was told to whom, with which answer, and telling it again.

extension API {
    static let webhookDeliveries: [Endpoint] = [
        Endpoint(
            .post, "/v1/webhook-endpoints/{endpoint}/test", .customer, pace: .act, .later(API.testEndpoint),
            .testEndpoint),
        Endpoint(
            .get, "/v1/webhook-endpoints/{endpoint}/deliveries", .onlooker, .later(API.listDeliveries),
            .listDeliveries),
        Endpoint(
            .post, "/v1/webhook-endpoints/{endpoint}/recover", .customer, body: .json, pace: .act,
            .later(API.recoverDeliveries), .recoverDeliveries),
        Endpoint(
            .get, "/v1/webhook-deliveries/{delivery}/attempts", .onlooker, .later(API.listAttempts), .listAttempts),
        Endpoint(
            .post, "/v1/webhook-deliveries/{delivery}/resend", .customer, pace: .act, .later(API.resendDelivery),
            .resendDelivery),
    ]

    /// Sends a ping and shows what came back.
    @Sendable func testEndpoint(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let acts = try webhooks()
        let endpoint = try await endpoint(call)
        guard endpoint.disabledAt == nil else {
            throw .conflict(
                code: "endpoint_disabled", message: "This endpoint is disabled: enable it, then test it.")
        }
        let id = EventID.new(at: call.now)
        let event = Event(
            id: id, account: endpoint.account, kind: .ping, task: nil, at: call.now,
            body: StatusBody.plainEvent(.ping, at: call.now) { $0.member("endpoint_id", endpoint.id.description) })
        let delivery = try await ask { () async throws(StoreError) in
            try await store.announce(event, to: endpoint.id)
        }
        acts.wake()
        let attempt = await acts.nextAttempt(delivery)
        var json = JSONWriter()
        json.object { json in
            json.member("event_id", id.description)
            json.member("delivery_id", delivery.description)
            json.write(attempt)
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    @Sendable func listDeliveries(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let endpoint = try await endpoint(call)
        var query = QueryFields(call.request)
        let limit = query.integer("limit", 1...100) ?? 50
        let cursor = query.cursor()
        try query.check()
        let page = try await askPage { () async throws(StoreError) in
            try await store.deliveries(of: endpoint.id, account: endpoint.account, cursor: cursor, limit: limit)
        }
        return Self.list(page) { json, story in
            json.object { json in
                json.member("id", story.delivery.id.description)
                json.member("event_id", story.delivery.event.description)
                json.member("type", story.kind.rawValue)
                json.member("task_id", story.task?.description)
                json.member("url", story.delivery.url)
                json.member("state", story.delivery.state.rawValue)
                json.member("attempts", story.delivery.tries)
                json.member("next_attempt_at", story.delivery.dueAt?.description)
                json.member("last_status", story.lastStatus)
                json.member("last_error", story.lastError)
                json.member("created_at", story.createdAt.description)
            }
        }
    }

    @Sendable func listAttempts(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let (id, account) = (try deliveryID(call), try call.principal.account)
        let all = try await ask { () async throws(StoreError) in try await store.attempts(of: id, account: account) }
        return Self.list(Page(items: all, next: nil)) { json, attempt in json.object { $0.write(attempt) } }
    }

    @Sendable func resendDelivery(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let (id, account) = (try deliveryID(call), try call.principal.account)
        let key = try onceOnly(call, "webhook-resends")
        var json = JSONWriter()
        json.object { $0.member("message", "It is on its way again.") }
        let response = try await answer(json.bytes, .accepted, once: key, call) { answer throws(StoreError) in
            try await store.resend(id, account: account, now: call.now, answer: answer)
        }
        try webhooks().wake()
        return response
    }

    /// How far back what was missed can be had: as long as events are kept at most.
    private static let reach = Duration.seconds(14 * 86_400)

    @Sendable func recoverDeliveries(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let endpoint = try await endpoint(call)
        // Without a body it is since that is missing, and not JSON.
        var fields = try Fields(call.request.body.isEmpty ? Array("{}".utf8) : call.request.body)
        let since = fields.moment("since")
        let until = fields.moment("until") ?? call.now
        if since == nil, !fields.has("since") {
            fields.fault(FieldFault("since", "since is required: the time from which to send again."))
        }
        if let since, since < call.now - Self.reach || since > until {
            fields.fault(
                FieldFault("since", "since must lie before until and at most 14 days back.", value: .string("\(since)"))
            )
        }
        fields.refuse(allBut: ["since", "until"])
        try fields.check()
        let count = try await ask { () async throws(StoreError) in
            try await store.recover(
                endpoint.id, account: endpoint.account, since: since ?? call.now, until: until, now: call.now)
        }
        try webhooks().wake()
        var json = JSONWriter()
        json.object { $0.member("recovered", count) }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    private func deliveryID(_ call: Call) throws(Refusal) -> DeliveryID {
        guard let id = DeliveryID(call.parameters[0]) else { throw .notFound("delivery") }
        return id
    }
}

extension JSONWriter {
    fileprivate mutating func write(_ attempt: DeliveryAttempt) {
        member("attempt", attempt.number)
        member("at", attempt.at.description)
        member("milliseconds", attempt.milliseconds)
        member("status", attempt.status)
        member("error", attempt.error)
        member("response", attempt.excerpt)
        switch attempt.next {
        case .delivered:
            member("outcome", "delivered")
            member("next_attempt_at", String?.none)
        case .retry(let at):
            member("outcome", "failed")
            member("next_attempt_at", at.description)
        case .abandoned:
            member("outcome", "abandoned")
            member("next_attempt_at", String?.none)
        }
    }
}
