import Domain
import HTTP
import JSON
import Store

extension API {
    static let adminWebhooks: [Endpoint] = [
        Endpoint(.get, "/admin/v1/webhooks", .operating, .later(API.surveyWebhooks), .surveyWebhooks),
        Endpoint(
            .post, "/admin/v1/webhooks/replay", .operating, body: .json, .later(API.replayWebhooks), .replayWebhooks),
    ]

    /// What waits to be told, and every account's endpoints.
    @Sendable func surveyWebhooks(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let backlog = try await ask { () async throws(StoreError) in try await store.webhookBacklog() }
        var rows: [(account: Account, endpoint: WebhookEndpoint)] = []
        try await eachAccount { account throws(Refusal) in
            let own = try await ask { () async throws(StoreError) in try await store.endpoints(of: account.id) }
            rows += own.map { (account, $0) }
            return true
        }
        var json = JSONWriter()
        json.object { json in
            json.object("backlog") {
                $0.member("pending", backlog.pending)
                $0.member("oldest", backlog.oldest?.description)
            }
            json.array("endpoints") { json in
                for row in rows {
                    json.object {
                        $0.member("account", row.account.name)
                        $0.write(row.endpoint)
                    }
                }
            }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    /// Sends again what had no success at an endpoint, whoever's it is, of the last 14 days unless said otherwise; or one
    /// event, whatever became of it, at one endpoint or at all that were to be told.
    @Sendable func replayWebhooks(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var fields = try Fields(call.request.body)
        let (names, isSpan) = (
            (fields.has("endpoint"), fields.has("event")), fields.has("since") || fields.has("until")
        )
        let endpoint = fields.text("endpoint", lengths: 1...64).flatMap { EndpointID($0) }
        let event = fields.text("event", lengths: 1...64).flatMap { EventID($0) }
        let since = fields.moment("since") ?? call.now - .seconds(14 * 86_400)
        let until = fields.moment("until") ?? call.now
        if !names.0, !names.1 {
            fields.fault(FieldFault("endpoint", "endpoint or event is required: say what is to be sent again."))
        }
        if names.1, isSpan {
            fields.fault(
                FieldFault("event", "event goes without since and until: one event is sent again, whenever it was."))
        }
        fields.refuse(allBut: ["endpoint", "event", "since", "until"])
        try fields.check()
        let count: Int
        if names.1 {
            guard let event, !names.0 || endpoint != nil else { throw .notFound("event") }
            count = try await ask { () async throws(StoreError) in
                try await store.resend(event, to: endpoint, now: call.now)
            }
            guard count > 0 else { throw .notFound("event") }
        } else {
            guard let endpoint, let owner = try await owner(of: endpoint) else { throw .notFound("endpoint") }
            count = try await ask { () async throws(StoreError) in
                try await store.recover(endpoint, account: owner, since: since, until: until, now: call.now)
            }
        }
        around.webhooks?.wake()
        let subject = [event.map { "event:\($0)" }, endpoint.map { "endpoint:\($0)" }].compactMap(\.self)
        try await note(call, "webhooks.replay", subject.joined(separator: " "), "\(count) deliveries")
        var json = JSONWriter()
        json.object { $0.member("replayed", count) }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    private func owner(of endpoint: EndpointID) async throws(Refusal) -> AccountID? {
        var owner: AccountID?
        try await eachAccount { account throws(Refusal) in
            let found = try await ask { () async throws(StoreError) in
                try await store.endpoint(endpoint, account: account.id)
            }
            if found != nil { owner = account.id }
            return found == nil
        }
        return owner
    }

    /// Visits accounts page by page until `visit` says false.
    func eachAccount(_ visit: (Account) async throws(Refusal) -> Bool) async throws(Refusal) {
        var cursor: String?
        repeat {
            let from = cursor
            let page = try await ask { () async throws(StoreError) in
                try await store.accounts(cursor: from, limit: 500)
            }
            for account in page.items where !(try await visit(account)) { return }
            cursor = page.next
        } while cursor != nil
    }
}
