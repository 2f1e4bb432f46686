import Domain
import HTTP
import JSON
import Store

extension API {
    static let adminAccounts: [Endpoint] = [
        Endpoint(.post, "/admin/v1/accounts", .operating, body: .json, .later(API.createAccount), .createAccount),
        Endpoint(.get, "/admin/v1/accounts", .operating, .later(API.listAccounts), .listAccounts),
        Endpoint(.get, "/admin/v1/accounts/{account}", .operating, .later(API.showAccount), .showAccount),
        Endpoint(
            .patch, "/admin/v1/accounts/{account}", .operating, body: .json, .later(API.changeAccount), .changeAccount),
    ]

    /// A new customer with a first key, and credits if it is to start with some.
    @Sendable func createAccount(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var fields = try Fields(call.request.body)
        let name = fields.name("name", lengths: 1...64)
        if name == nil, !fields.has("name") { fields.fault(FieldFault("name", "name is missing.")) }
        let credits = fields.credits("credits")
        fields.refuse(allBut: ["name", "credits"])
        try fields.check()
        guard let name else { throw .broken("an account without a name passed its checks") }
        let account: Account
        do throws(StoreError) {
            account = try await store.createAccount(named: name, limits: AccountLimits(), now: call.now)
        } catch {
            guard case .alreadyExists = error else { throw .store(error) }
            // It may be the caller's own, whose answer, with the key in it, was lost on its way.
            throw .taken(account: name)
        }
        let made = try await ask { () async throws(StoreError) in
            try await store.createKey(
                for: account.id, scope: .user, label: "first", expiresAt: nil, spendCap: nil, now: call.now)
        }
        if let credits, credits > .zero {
            // The account's own id makes the reference: a repeated call cannot grant twice.
            _ = try await ask { () async throws(StoreError) in
                try await store.grant(credits, to: account.id, reference: "opening:\(account.id)", now: call.now)
            }
        }
        try await note(call, "accounts.create", "account:\(account.id)", "name \(name), credits \(credits ?? .zero)")
        var json = JSONWriter()
        json.object {
            $0.member("account_id", account.id.description)
            $0.member("name", account.name)
            $0.member("key", made.token)
            $0.member("key_id", made.key.id.description)
        }
        return HTTPResponse(.created, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    @Sendable func listAccounts(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var query = QueryFields(call.request)
        let limit = query.integer("limit", 1...500) ?? 100
        let cursor = query.cursor()
        try query.check()
        let page = try await askPage { () async throws(StoreError) in
            try await store.accounts(cursor: cursor, limit: limit)
        }
        var rows: [(Account, Wallet)] = []
        for account in page.items {
            let wallet = try await ask { () async throws(StoreError) in try await store.wallet(of: account.id) }
            rows.append((account, wallet))
        }
        return Self.list(Page(items: rows, next: page.next)) { json, row in json.object { $0.write(row.0, row.1) } }
    }

    @Sendable func showAccount(_ call: Call) async throws(Refusal) -> HTTPResponse {
        try await shown(try await account(call))
    }

    private func shown(_ account: Account) async throws(Refusal) -> HTTPResponse {
        let wallet = try await ask { () async throws(StoreError) in try await store.wallet(of: account.id) }
        var json = JSONWriter()
        json.object { $0.write(account, wallet) }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    /// Limits, providers, the low-balance mark, and whether it may do anything at all. Null takes a figure back to
    /// the configuration's.
    @Sendable func changeAccount(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var account = try await account(call)
        var fields = try Fields(call.request.body)
        let cleared = try Fields.nulls(in: call.request.body)
        var limits = account.limits
        if let rate = fields.integer("requests_per_minute", 1...1_000_000) { limits.requestsPerMinute = Int(rate) }
        if let tasks = fields.integer("concurrent_tasks", 0...1_000_000) { limits.concurrentTasks = Int(tasks) }
        if let mark = fields.credits("low_balance") { limits.lowBalance = mark }
        if let providers = fields.providers("providers", known: around.providers().map(\.id)) {
            limits.providers = providers
        }
        if cleared.contains("requests_per_minute") { limits.requestsPerMinute = nil }
        if cleared.contains("concurrent_tasks") { limits.concurrentTasks = nil }
        if cleared.contains("low_balance") { limits.lowBalance = nil }
        if cleared.contains("providers") { limits.providers = nil }
        let disabled = fields.flag("disabled")
        fields.refuse(allBut: ["requests_per_minute", "concurrent_tasks", "low_balance", "providers", "disabled"])
        try fields.check()
        if limits != account.limits {
            try await ask { () async throws(StoreError) in
                try await store.setLimits(limits, of: account.id, now: call.now)
            }
            account.limits = limits
        }
        if let disabled, disabled != (account.disabledAt != nil) {
            try await ask { () async throws(StoreError) in
                try await store.setDisabled(disabled, account: account.id, now: call.now)
            }
            account.disabledAt = disabled ? call.now : nil
        }
        let detail = String(decoding: call.request.body.prefix(1024), as: UTF8.self)
        try await note(call, "accounts.change", "account:\(account.id)", detail)
        return try await shown(account)
    }

    /// The account in the path, by id or by name.
    func account(_ call: Call) async throws(Refusal) -> Account {
        let text = call.parameters[0]
        let account = try await ask { () async throws(StoreError) in
            if let id = AccountID(text), let account = try await store.account(id) { return account as Account? }
            return try await store.account(named: text)
        }
        guard let account else { throw .noneCalled("account", text) }
        return account
    }
}

extension Fields {
    /// An amount of credits: a whole number, and one that no client can misread.
    mutating func credits(_ name: String, from least: Int64 = 0) -> Credits? {
        guard let value = value(name) else { return nil }
        guard let amount = Self.whole(value), (least...Credits.limit).contains(amount) else {
            let given = FieldFault(name, "", value: value).value?.description ?? "nothing"
            fault(
                FieldFault(
                    name, "\(name) must be a whole number of credits from \(least) to \(Credits.limit); got \(given).",
                    value: value, allowed: ["minimum": .integer(least), "maximum": .integer(Credits.limit)]))
            return nil
        }
        return Credits(amount)
    }

    mutating func providers(_ name: String, known: [ProviderID]) -> [ProviderID]? {
        guard let value = value(name) else { return nil }
        let names = value.array?.map { $0.string }
        guard let names, !names.contains(nil) else {
            fault(FieldFault(name, "\(name) must be an array of provider ids, or null for all.", value: value))
            return nil
        }
        let ids = names.compactMap { $0 }.map { ProviderID($0) }
        for id in ids where !known.contains(id) {
            fault(.noProvider(id.rawValue, in: name, among: known.map(\.rawValue)))
        }
        return ids
    }

    mutating func refuse(allBut known: [String]) {
        for name in names where !known.contains(name) {
            let shown = String(name.prefix(64))
            fault(
                FieldFault(
                    shown, "\(shown) is not a field here.",
                    suggestion: Spelling.nearest(to: name, of: known).map { "Did you mean \($0)?" }))
        }
    }

    /// The names whose value is null, where null means something of its own.
    static func nulls(in body: [UInt8]) throws(Refusal) -> Set<String> {
        do throws(JSONError) {
            return Set(try JSONReader.members(of: body).filter { $0.value.kind == .null }.map(\.name))
        } catch {
            throw .badJSON(error)
        }
    }
}

extension JSONWriter {
    mutating func write(_ account: Account, _ wallet: Wallet) {
        member("id", account.id.description)
        member("name", account.name)
        member("balance", wallet.balance.amount)
        member("held", wallet.held.amount)
        member("spent", wallet.spent.amount)
        member("disabled", account.disabledAt != nil)
        member("created_at", account.createdAt.description)
        member("disabled_at", account.disabledAt?.description)
        object("limits") { json in
            json.member("requests_per_minute", account.limits.requestsPerMinute)
            json.member("concurrent_tasks", account.limits.concurrentTasks)
            json.member("low_balance", account.limits.lowBalance?.amount)
            json.key("providers")
            if let providers = account.limits.providers {
                json.array { for id in providers { $0.string(id.rawValue) } }
            } else {
                json.null()
            }
        }
    }
}
