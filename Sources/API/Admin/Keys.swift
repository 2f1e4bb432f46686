import Domain
import HTTP
import JSON
import Store

extension API {
    static let adminKeys: [Endpoint] = [
        Endpoint(
            .post, "/admin/v1/accounts/{account}/keys", .operating, body: .json, .later(API.createKey), .createKey),
        Endpoint(.get, "/admin/v1/accounts/{account}/keys", .operating, .later(API.listKeys), .listKeys),
        Endpoint(.post, "/admin/v1/keys/{key}/revoke", .operating, .later(API.revokeKey), .revokeKey),
        Endpoint(.post, "/admin/v1/keys/{key}/rotate", .operating, body: .json, .later(API.rotateKey), .rotateKey),
    ]

    /// The longest an old key may live beside its successor.
    private static let longestOverlap: Int64 = 7 * 86_400

    @Sendable func createKey(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let account = try await account(call)
        var fields = try Fields(call.request.body.isEmpty ? Array("{}".utf8) : call.request.body)
        let scope = fields.word("scope", Scope.self) ?? .user
        let label = fields.name("label", lengths: 0...128) ?? ""
        let life = fields.integer("expires_in", 1...(10 * 366 * 86_400))
        let cap = fields.credits("spend_cap", from: 1)
        fields.refuse(allBut: ["scope", "label", "expires_in", "spend_cap"])
        try fields.check()
        let made = try await ask { () async throws(StoreError) in
            try await store.createKey(
                for: account.id, scope: scope, label: label, expiresAt: life.map { call.now + .seconds($0) },
                spendCap: cap, now: call.now)
        }
        try await note(call, "keys.create", "key:\(made.key.id)", "account \(account.name), scope \(scope.rawValue)")
        return Self.shown(made.key, token: made.token)
    }

    @Sendable func listKeys(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let account = try await account(call)
        let keys = try await ask { () async throws(StoreError) in try await store.keys(of: account.id) }
        return Self.list(Page(items: keys, next: nil)) { json, key in json.object { $0.write(key) } }
    }

    @Sendable func revokeKey(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let id = try keyID(call)
        try await askKey { () async throws(StoreError) in try await store.revokeKey(id, now: call.now) }
        try await note(call, "keys.revoke", "key:\(id)")
        return HTTPResponse(.noContent)
    }

    /// A successor now, and the old key until the overlap ends.
    @Sendable func rotateKey(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let id = try keyID(call)
        var fields = try Fields(call.request.body.isEmpty ? Array("{}".utf8) : call.request.body)
        let overlap = fields.integer("overlap_seconds", 0...Self.longestOverlap) ?? 86_400
        fields.refuse(allBut: ["overlap_seconds"])
        try fields.check()
        let made = try await askKey { () async throws(StoreError) in
            try await store.rotateKey(id, overlapEnds: call.now + .seconds(overlap), now: call.now)
        }
        try await note(call, "keys.rotate", "key:\(id)", "new key \(made.key.id), overlap \(overlap) s")
        return Self.shown(made.key, token: made.token)
    }

    /// The same as `ask`, for what is said of one key: what the store does not find is that key.
    private func askKey<R>(_ question: () async throws(StoreError) -> R) async throws(Refusal) -> R {
        do throws(StoreError) {
            return try await question()
        } catch {
            if case .notFound = error { throw .notFound("key") }
            throw .store(error)
        }
    }

    private func keyID(_ call: Call) throws(Refusal) -> KeyID {
        guard let id = KeyID(call.parameters[0]) else { throw .notFound("key") }
        return id
    }

    /// The only answer that ever holds a token.
    private static func shown(_ key: APIKey, token: String) -> HTTPResponse {
        var json = JSONWriter()
        json.object {
            $0.member("id", key.id.description)
            $0.member("key", token)
            $0.member("scope", key.scope.rawValue)
            $0.member("label", key.label)
            $0.member("expires_at", key.expiresAt?.description)
            $0.member("spend_cap", key.spendCap?.amount)
        }
        return HTTPResponse(.created, headers: jsonHeaders, body: .bytes(json.bytes))
    }
}

extension JSONWriter {
    mutating func write(_ key: APIKey) {
        member("id", key.id.description)
        member("account_id", key.account.description)
        member("scope", key.scope.rawValue)
        member("label", key.label)
        member("last_four", key.lastFour)
        member("created_at", key.createdAt.description)
        member("expires_at", key.expiresAt?.description)
        member("revoked_at", key.revokedAt?.description)
        member("last_used_at", key.lastUsedAt?.description)
        member("spend_cap", key.spendCap?.amount)
    }
}
