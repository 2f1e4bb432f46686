import Domain
import HTTP
import JSON
import Store

extension API {
    static let wallet: [Endpoint] = [
        Endpoint(.get, "/v1/wallet", .onlooker, .later(API.readWallet), .readWallet),
        Endpoint(.get, "/v1/wallet/ledger", .onlooker, .later(API.readLedger), .readLedger),
        Endpoint(.get, "/account/user/wallet", .onlooker, .later(API.readStudioWallet), .readStudioWallet),
        Endpoint(.get, "/user/wallet", .onlooker, .later(API.readStudioWallet), .readOldStudioWallet),
        Endpoint(.get, "/v1/account", .anyKey, .later(API.readAccount), .readAccount),
    ]

    @Sendable func readWallet(_ call: Call) async throws(Refusal) -> HTTPResponse {
        try await wallet(of: try call.principal.account)
    }

    func wallet(of account: AccountID) async throws(Refusal) -> HTTPResponse {
        let wallet = try await ask { () async throws(StoreError) in try await store.wallet(of: account) }
        var json = JSONWriter()
        json.object {
            $0.member("balance", wallet.balance.amount)
            $0.member("held", wallet.held.amount)
            $0.member("spent", wallet.spent.amount)
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    /// 3D AI Studio's own wallet answer: the balance as a decimal string, and the requests a minute.
    @Sendable func readStudioWallet(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let principal = try call.principal
        let wallet = try await ask { () async throws(StoreError) in try await store.wallet(of: principal.account) }
        var json = JSONWriter()
        json.object {
            $0.member("balance", "\(wallet.balance).00")
            $0.member("rate_limit", principal.limits.requestsPerMinute ?? call.settings.limits.requestsPerMinute)
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    @Sendable func readLedger(_ call: Call) async throws(Refusal) -> HTTPResponse {
        try await ledger(of: try call.principal.account, call.request)
    }

    func ledger(of account: AccountID, _ request: HTTPRequest) async throws(Refusal) -> HTTPResponse {
        var query = QueryFields(request)
        let limit = query.integer("limit", 1...100) ?? 50
        let cursor = query.cursor()
        try query.check()
        let page = try await askPage { () async throws(StoreError) in
            try await store.ledger(of: account, cursor: cursor, limit: limit)
        }
        return Self.list(page) { json, posting in json.write(posting) }
    }

    /// Who am I, and what may I do.
    @Sendable func readAccount(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let principal = try call.principal
        let limits = call.settings.limits
        var json = JSONWriter()
        json.object { json in
            json.member("account_id", principal.account.description)
            json.member("name", principal.accountName)
            json.member("key_id", principal.key.description)
            json.array("scopes") { $0.string(principal.scope.rawValue) }
            json.object("limits") { json in
                json.member("requests_per_minute", principal.limits.requestsPerMinute ?? limits.requestsPerMinute)
                json.member("concurrent_tasks", principal.limits.concurrentTasks ?? limits.concurrentTasks)
                json.member("body_bytes", limits.bodyBytes)
                json.member("spend_cap", call.spendCap?.amount)
                json.member("low_balance", (principal.limits.lowBalance ?? limits.lowBalance)?.amount)
                json.key("providers")
                if let providers = principal.limits.providers {
                    json.array { for id in providers { $0.string(id.rawValue) } }
                } else {
                    json.null()
                }
            }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }
}
