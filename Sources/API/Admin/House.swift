import Domain
import HTTP
import JSON
import Store

extension API {
    static let adminProviders: [Endpoint] = [
        Endpoint(.get, "/admin/v1/providers", .operating, .later(API.surveyProviders), .surveyProviders),
        Endpoint(
            .post, "/admin/v1/providers/{provider}/enable", .operating, .later(API.enableProvider), .enableProvider),
        Endpoint(
            .post, "/admin/v1/providers/{provider}/disable", .operating, .later(API.disableProvider), .disableProvider),
        Endpoint(.post, "/admin/v1/providers/{provider}/test", .operating, .later(API.testProvider), .testProvider),
    ]

    static let adminHouse: [Endpoint] = [
        Endpoint(.get, "/admin/v1/stats", .operating, .later(API.readStatistics), .readStatistics),
        Endpoint(.get, "/admin/v1/audit", .operating, .later(API.readAudit), .readAudit),
        Endpoint(.post, "/admin/v1/backup", .operating, body: .json, .later(API.backUp), .backUp),
        Endpoint(.post, "/admin/v1/reload", .operating, .later(API.reload), .reload),
        Endpoint(.post, "/admin/v1/release", .operating, .later(API.release), .release),
    ]

    @Sendable func surveyProviders(_ call: Call) async throws(Refusal) -> HTTPResponse {
        Self.list(Page(items: around.providers(), next: nil)) { json, view in
            json.object { json in
                json.member("id", view.id.rawValue)
                json.member("name", view.name)
                json.member("enabled", view.isEnabled)
                json.member("breaker", view.breaker.rawValue)
                json.member("running", view.running)
                json.member("concurrency", view.concurrency)
                json.member("typical_seconds", view.typicalDuration.map { $0.components.seconds })
                json.member("cost_microdollars", view.costMicrodollars)
                json.member("note", view.note)
                json.member("last_fault", view.lastFault.map { "\($0.fault): \($0.message)" })
                json.member("last_fault_at", view.lastFaultAt?.description)
            }
        }
    }

    @Sendable func enableProvider(_ call: Call) async throws(Refusal) -> HTTPResponse {
        try await setProvider(call, isEnabled: true)
    }

    @Sendable func disableProvider(_ call: Call) async throws(Refusal) -> HTTPResponse {
        try await setProvider(call, isEnabled: false)
    }

    /// New work goes there no longer, or again; jobs that run there are followed to their end.
    private func setProvider(_ call: Call, isEnabled: Bool) async throws(Refusal) -> HTTPResponse {
        let provider = try provider(call)
        if isEnabled, let why = around.acts.objection(provider) { throw .conflict(code: "refused", message: why) }
        // Saying what the configuration says only takes back an operator's word: a later change of it counts again.
        let override = isEnabled == around.acts.isConfigured(provider) ? nil : isEnabled
        let state = ProviderState(provider: provider, enabled: override)
        try await ask { () async throws(StoreError) in try await store.setProviderState(state, now: call.now) }
        around.acts.providerChanged(provider, override)
        let act = isEnabled ? "enable" : "disable"
        try await note(call, "providers.\(act)", "provider:\(provider)")
        return Self.said("\(provider) is \(isEnabled ? "enabled" : "disabled").")
    }

    @Sendable func testProvider(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let provider = try provider(call)
        let test = try act(await around.acts.test(provider))
        try await note(call, "providers.test", "provider:\(provider)", test.message)
        var json = JSONWriter()
        json.object {
            $0.member("provider", provider.rawValue)
            $0.member("ok", test.isOK)
            $0.member("message", test.message)
            $0.member("milliseconds", test.milliseconds)
            $0.member("balance", test.balance)
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    private func provider(_ call: Call) throws(Refusal) -> ProviderID {
        let id = ProviderID(call.parameters[0])
        let known = around.providers().map(\.id)
        guard known.contains(id) else {
            throw .noneCalled("provider", call.parameters[0], known: known.map(\.rawValue))
        }
        return id
    }

    /// By provider and day; the last 30 days unless the query says otherwise.
    @Sendable func readStatistics(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var query = QueryFields(call.request)
        let until = query.moment("until") ?? call.now + .milliseconds(1)
        let since = query.moment("since") ?? until - .seconds(30 * 86_400)
        try query.check()
        let rows = try await ask { () async throws(StoreError) in
            try await store.statistics(since: since, until: until)
        }
        let value = call.settings.creditMicrodollars
        return Self.list(Page(items: rows, next: nil)) { json, row in
            json.object {
                let midnight = Instant(milliseconds: row.day * 86_400_000)
                $0.member("day", String(midnight.description.prefix(10)))
                $0.member("provider", row.provider.rawValue)
                $0.member("tasks", row.tasks)
                $0.member("attempts", row.attempts)
                $0.member("succeeded", row.succeeded)
                $0.member("refused", row.refused)
                $0.member("failed", row.failed)
                $0.member(
                    "success_rate",
                    row.attempts == 0 ? nil : (Double(row.succeeded) / Double(row.attempts) * 1e4).rounded() / 1e4)
                $0.member("p50_seconds", row.p50?.inSeconds)
                $0.member("p95_seconds", row.p95?.inSeconds)
                $0.member("credits", row.credits.amount)
                $0.member("revenue_microdollars", row.credits.amount * value)
                $0.member("cost_microdollars", row.costMicrodollars)
                $0.member("margin_microdollars", row.credits.amount * value - row.costMicrodollars)
                $0.member("unknown_costs", row.unknownCosts)
            }
        }
    }

    @Sendable func readAudit(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var query = QueryFields(call.request)
        let limit = query.integer("limit", 1...500) ?? 100
        let cursor = query.cursor()
        try query.check()
        let page = try await askPage { () async throws(StoreError) in
            try await store.audit(cursor: cursor, limit: limit)
        }
        return Self.list(page) { json, entry in
            json.object {
                $0.member("at", entry.at.description)
                $0.member("actor", entry.actor)
                $0.member("act", entry.act)
                $0.member("subject", entry.subject)
                $0.member("detail", entry.detail)
            }
        }
    }

    /// All of the configuration anew, or none of it.
    @Sendable func reload(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let changed = try act(await around.acts.reload())
        try await note(call, "reload", "configuration", changed.joined(separator: ", "))
        var json = JSONWriter()
        json.object {
            $0.member("message", changed.isEmpty ? "Nothing changed." : "Taken over: \(changed.count) changed.")
            $0.array("changed") { for name in changed { $0.string(name) } }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    /// A restored backup buys nothing until somebody has looked at what it had under way: now they have.
    @Sendable func release(_ call: Call) async throws(Refusal) -> HTTPResponse {
        guard store.reconciling != nil else {
            throw .conflict(code: "nothing_to_release", message: "This gateway is not waiting after a restore.")
        }
        let actor = call.actor
        try await ask { () async throws(StoreError) in try await store.endReconciliation(by: actor, now: call.now) }
        return Self.said("Released: work goes on.")
    }
}
