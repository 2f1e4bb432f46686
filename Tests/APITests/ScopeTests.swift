import Domain
import HTTP
import JSON
import Store
import Testing

@testable import API

struct ScopeTests {
    /// Fault 71, over the full matrix: every route with every kind of caller.
    @Test func `71: every route lets in those it names and nobody else`() async throws {
        try await Front.with { front in
            let keys: [(Scope?, String?)] = [
                (nil, nil), (.user, front.key), (.read, front.readKey), (.admin, front.adminKey),
            ]
            let before = try await front.store.wallet(of: front.account)
            for endpoint in API.endpoints where endpoint.pattern != "/v1/generation-request/{id}/events" {
                let path = endpoint.pattern.split(separator: "/").map { $0.hasPrefix("{") ? "none" : String($0) }
                    .map { "/" + $0 }.joined()
                for (scope, key) in keys {
                    // A body that no endpoint takes, so that whoever gets through does nothing.
                    let body = endpoint.method == .get ? nil : "[]"
                    let answer = await front.api.ask(endpoint.method, path, key: key, body: body)
                    let row = "\(endpoint.method) \(path) as \(scope?.rawValue ?? "nobody"): \(answer.status)"
                    switch (endpoint.access, scope) {
                    case (.open, _): #expect(answer.status != 401, "\(row)")
                    case (_, nil): #expect(answer.status == 401, "\(row)")
                    case (let access, let scope?) where access.scopes.contains(scope):
                        #expect(answer.status != 401 && answer.code != "wrong_scope", "\(row)")
                    default: #expect(answer.status == 403 && answer.code == "wrong_scope", "\(row)")
                    }
                }
            }
            #expect(try await front.store.wallet(of: front.account) == before)
        }
    }

    @Test func `every row of the table belongs to a known kind of caller`() {
        for endpoint in API.endpoints {
            let isAdmin = endpoint.pattern.hasPrefix("/admin/")
            #expect((endpoint.access == .operating) == isAdmin, "\(endpoint.pattern)")
        }
    }

    @Test func `68: malformed keys are refused without a look, and guesses are counted by address`() async throws {
        var settings = API.Settings()
        settings.limits.wrongKeysPerMinute = 5
        try await Front.with(settings: settings) { front in
            var random = SystemRandomNumberGenerator()
            var codes: [Int] = []
            for _ in 0..<10 {
                let guess = KeyToken.make(.user, random: &random)
                codes.append(await front.api.ask(.get, "/v1/wallet", key: guess).status)
            }
            #expect(codes == [401, 401, 401, 401, 401, 429, 429, 429, 429, 429])
            // The right key from the same address is not held up.
            #expect(await front.get("/v1/wallet").status == 200)
        }
    }

    @Test func `70: a revoked or expired key is refused on the next request`() async throws {
        try await Front.with { front in
            let made = await front.operate(.post, "/admin/v1/accounts/acme/keys", #"{"expires_in":60}"#)
            let (token, id) = (made.json["key"]?.string ?? "", made.json["id"]?.string ?? "")
            #expect(await front.api.ask(.get, "/v1/wallet", key: token).status == 200)
            front.clock.advance(.seconds(61))
            let expired = await front.api.ask(.get, "/v1/wallet", key: token)
            #expect(expired.status == 401 && expired.code == "api_key_expired")
            let second = await front.operate(.post, "/admin/v1/accounts/acme/keys", "{}")
            let (other, otherID) = (second.json["key"]?.string ?? "", second.json["id"]?.string ?? "")
            #expect(await front.operate(.post, "/admin/v1/keys/\(otherID)/revoke").status == 204)
            let revoked = await front.api.ask(.get, "/v1/wallet", key: other)
            #expect(revoked.status == 401 && revoked.code == "api_key_revoked")
            #expect(await front.operate(.post, "/admin/v1/keys/\(id)/revoke").status != 500)
        }
    }

    @Test func `a disabled account may do nothing`() async throws {
        try await Front.with { front in
            _ = await front.operate(.patch, "/admin/v1/accounts/acme", #"{"disabled":true}"#)
            let refused = await front.submit()
            #expect(refused.status == 403 && refused.code == "account_disabled")
            _ = await front.operate(.patch, "/admin/v1/accounts/acme", #"{"disabled":false}"#)
            #expect(await front.submit().status == 200)
        }
    }

    @Test func `73: a key spends no more than its cap`() async throws {
        try await Front.with { front in
            let made = await front.operate(.post, "/admin/v1/accounts/acme/keys", #"{"spend_cap":200}"#)
            let capped = try #require(made.json["key"]?.string)
            let codes = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        await front.api.ask(.post, Front.submitPath, key: capped, body: Front.body).status
                    }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(codes == [200: 10, 402: 90])
        }
    }

    @Test func `the admin routes exist only on their own listener when they have one`() async throws {
        var settings = API.Settings()
        settings.adminListener = "admin"
        settings.metricsListener = "metrics"
        try await Front.with(settings: settings) { front in
            #expect(await front.api.ask(.get, "/admin/v1/accounts", key: front.adminKey).status == 404)
            #expect(
                await front.api.ask(.get, "/admin/v1/accounts", key: front.adminKey, listener: "admin").status == 200)
            #expect(await front.operate(.get, "/admin/v1/accounts").status == 200)
            #expect(await front.api.ask(.get, "/metrics").status == 404)
            #expect(await front.api.ask(.get, "/metrics", listener: "metrics").status == 200)
            #expect(await front.api.ask(.get, "/healthz", listener: "metrics").status == 200)
            #expect(await front.api.ask(.get, "/v1/wallet/", key: front.key, listener: "metrics").status == 404)
        }
    }

    @Test func `the metrics want a key wherever they are served, if they want one`() async throws {
        for listener in [nil, "metrics"] {
            var settings = API.Settings()
            settings.metricsListener = listener
            settings.metricsNeedKey = true
            try await Front.with(settings: settings) { front in
                let label = listener ?? "public"
                #expect(await front.api.ask(.get, "/metrics", listener: label).status == 401)
                #expect(await front.api.ask(.get, "/metrics", key: front.key, listener: label).status == 403)
                #expect(await front.api.ask(.get, "/metrics", key: front.adminKey, listener: label).status == 200)
            }
        }
    }
}
