import Domain
import HTTP
import JSON
import Store
import Synchronization
import Testing

@testable import API

struct AdminTests {
    @Test func `makes an account with a key that works and credits to begin with`() async throws {
        try await Front.with { front in
            let made = await front.operate(.post, "/admin/v1/accounts", #"{"name":"studio","credits":500}"#)
            #expect(made.status == 201)
            #expect(made.json.object?.names.prefix(3) == ["account_id", "name", "key"])
            let key = try #require(made.json["key"]?.string)
            #expect(await front.api.ask(.get, "/v1/wallet", key: key).json["balance"] == 500)
            let again = await front.operate(.post, "/admin/v1/accounts", #"{"name":"studio"}"#)
            #expect(again.status == 409 && again.code == "already_exists")
            let list = await front.operate(.get, "/admin/v1/accounts")
            #expect(list.json["items"]?.array?.compactMap { $0["name"]?.string }.contains("studio") == true)
        }
    }

    @Test func `grants once per reference`() async throws {
        try await Front.with(credits: 0) { front in
            let path = "/admin/v1/accounts/acme/credits"
            let first = await front.operate(.post, path, #"{"amount":100,"reference":"invoice-1"}"#)
            let again = await front.operate(.post, path, #"{"amount":100,"reference":"invoice-1"}"#)
            let other = await front.operate(.post, path, #"{"amount":200,"reference":"invoice-1"}"#)
            #expect(first.status == 201 && again.status == 200 && again.body == first.body)
            #expect(again.headers["Idempotent-Replayed"] == "true")
            #expect(other.status == 409 && other.code == "reference_reused")
            #expect(front.store.balance(of: front.account) == 100)
        }
    }

    @Test(arguments: [
        "9223372036854775808", "-1", "0", "0.5", "5.01", "1e300", "\"1e9\"", "\"100\"", "NaN", "true", "null",
        "9007199254740992", "[]",
    ])
    func `45: an odd amount moves nothing`(amount: String) async throws {
        try await Front.with { front in
            let answer = await front.operate(
                .post, "/admin/v1/accounts/acme/credits", "{\"amount\":\(amount),\"reference\":\"r\"}")
            #expect(answer.status == 400)
            #expect(front.store.balance(of: front.account) == 1000)
        }
    }

    @Test func `adjusts by hand with a reason, never below nothing`() async throws {
        try await Front.with { front in
            let path = "/admin/v1/accounts/acme/adjust"
            #expect(await front.operate(.post, path, #"{"amount":-300,"reason":"goodwill undone"}"#).status == 201)
            #expect(front.store.balance(of: front.account) == 700)
            #expect(await front.operate(.post, path, #"{"amount":-701,"reason":"too much"}"#).status == 409)
            #expect(await front.operate(.post, path, #"{"amount":0,"reason":"nothing"}"#).status == 400)
            #expect(await front.operate(.post, path, #"{"amount":5}"#).status == 400)
            #expect(front.store.balance(of: front.account) == 700)
        }
    }

    @Test func `45: grants no more in all than can be counted`() async throws {
        try await Front.with { front in
            _ = await front.operate(.post, "/admin/v1/accounts", #"{"name":"other"}"#)
            for act in [("credits", "reference"), ("adjust", "reason")] {
                let answer = await front.operate(
                    .post, "/admin/v1/accounts/other/\(act.0)", "{\"amount\":9007199254740991,\"\(act.1)\":\"r\"}")
                #expect(answer.status == 409 && answer.code == "refused", "\(answer.text)")
            }
            #expect(await front.operate(.get, "/admin/v1/accounts/other/wallet").json["balance"] == 0)
        }
    }

    @Test func `changes limits, and null takes them back`() async throws {
        try await Front.with { front in
            let path = "/admin/v1/accounts/acme"
            let changed = await front.operate(
                .patch, path, #"{"requests_per_minute":7,"providers":["sandbox"],"low_balance":50}"#)
            #expect(changed.json["limits"]?["requests_per_minute"] == 7)
            #expect(changed.json["limits"]?["providers"] == ["sandbox"])
            #expect(await front.get("/v1/account").json["limits"]?["requests_per_minute"] == 7)
            let back = await front.operate(.patch, path, #"{"requests_per_minute":null,"providers":null}"#)
            #expect(back.json["limits"]?["requests_per_minute"]?.isNull == true)
            #expect(back.json["limits"]?["low_balance"] == 50)
            #expect(await front.operate(.patch, path, #"{"request_per_minute":7}"#).status == 400)
            #expect(await front.operate(.patch, path, #"{"providers":["nobody"]}"#).status == 400)
        }
    }

    @Test func `rotates a key with an overlap`() async throws {
        try await Front.with { front in
            let made = await front.operate(.post, "/admin/v1/accounts/acme/keys", #"{"scope":"read","label":"ci"}"#)
            let (id, old) = (made.json["id"]?.string ?? "", made.json["key"]?.string ?? "")
            let rotated = await front.operate(.post, "/admin/v1/keys/\(id)/rotate", #"{"overlap_seconds":60}"#)
            let new = try #require(rotated.json["key"]?.string)
            #expect(rotated.json["scope"] == "read" && new != old)
            #expect(await front.api.ask(.get, "/v1/wallet", key: old).status == 200)
            front.clock.advance(.seconds(61))
            #expect(await front.api.ask(.get, "/v1/wallet", key: old).status == 401)
            #expect(await front.api.ask(.get, "/v1/wallet", key: new).status == 200)
            let keys = await front.operate(.get, "/admin/v1/accounts/acme/keys")
            #expect(!keys.text.contains(old) && !keys.text.contains(new))
        }
    }

    @Test func `verifies the ledger against a head saved before`() async throws {
        try await Front.with { front in
            let report = await front.operate(.get, "/admin/v1/ledger/verify")
            #expect(report.json["ok"] == true && report.json["violation"]?.isNull == true)
            let head = try #require(report.json["head"]?.string)
            _ = try await front.task()
            #expect(await front.operate(.get, "/admin/v1/ledger/verify?head=\(head)").json["ok"] == true)
            let forged = String(head.dropLast()) + (head.hasSuffix("0") ? "1" : "0")
            #expect(await front.operate(.get, "/admin/v1/ledger/verify?head=\(forged)").json["ok"] == false)
            #expect(await front.operate(.get, "/admin/v1/ledger/verify?head=x").status == 400)
        }
    }

    @Test func `searches, shows and cancels any task`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            try await front.begin(id)
            let list = await front.operate(.get, "/admin/v1/tasks?account=acme&state=running")
            #expect(list.json["items"]?[0]?["task_id"]?.string == id.description)
            #expect(list.json["items"]?[0]?["account"] == "acme")
            let both = await front.operate(.get, "/admin/v1/tasks?status=IN_PROGRESS&state=running")
            #expect(both.json["items"]?.array?.count == 1)
            let neither = await front.operate(.get, "/admin/v1/tasks?status=finished&state=failed")
            #expect(neither.status == 400 && neither.json["error"]?["param"] == "state")
            let story = await front.operate(.get, "/admin/v1/tasks/\(id)")
            #expect(story.json["attempts"]?[0]?["upstream_id"] == "upstream-1")
            let canceled = await front.operate(.post, "/admin/v1/tasks/\(id)/cancel", "{}")
            #expect(canceled.json["state"] == "canceled")
            #expect(canceled.json["failure_reason"] == "Canceled by the operator.")
        }
    }

    @Test func `every act leaves a row that says who did what`() async throws {
        let switched = Mutex<[String]>([])
        try await Front.with(
            credits: 1000,
            { around in
                around.acts.reload = { .success(["limits"]) }
                around.acts.test = { _ in .success(ProviderTest(isOK: true, message: "fine", milliseconds: 3)) }
            }
        ) { front in
            let id = try await front.task()
            let key = await front.operate(.post, "/admin/v1/accounts/acme/keys", "{}").json["id"]?.string ?? ""
            let acts: [(HTTPMethod, String, String?, String)] = [
                (.post, "/admin/v1/accounts", #"{"name":"new"}"#, "accounts.create"),
                (.patch, "/admin/v1/accounts/new", #"{"disabled":true}"#, "accounts.change"),
                (.post, "/admin/v1/keys/\(key)/rotate", "{}", "keys.rotate"),
                (.post, "/admin/v1/keys/\(key)/revoke", "{}", "keys.revoke"),
                (.post, "/admin/v1/accounts/acme/credits", #"{"amount":1,"reference":"r"}"#, "credits.grant"),
                (.post, "/admin/v1/accounts/acme/adjust", #"{"amount":1,"reason":"r"}"#, "credits.adjust"),
                (.post, "/admin/v1/tasks/\(id)/retry", "{}", "tasks.retry"),
                (.post, "/admin/v1/tasks/\(id)/cancel", "{}", "tasks.cancel"),
                (.post, "/admin/v1/providers/sandbox/disable", "{}", "providers.disable"),
                (.post, "/admin/v1/providers/sandbox/enable", "{}", "providers.enable"),
                (.post, "/admin/v1/providers/sandbox/test", "{}", "providers.test"),
                (.post, "/admin/v1/reload", "{}", "reload"),
            ]
            for (method, path, body, name) in acts {
                let answer = await front.api.ask(method, path, key: front.adminKey, body: body)
                #expect((200..<300).contains(answer.status), "\(path): \(answer.text)")
                let audit = await front.operate(.get, "/admin/v1/audit?limit=1")
                #expect(audit.json["items"]?[0]?["act"]?.string == name, "\(audit.text)")
                #expect(audit.json["items"]?[0]?["actor"]?.string?.hasPrefix("key:") == true)
            }
            let page = await front.operate(.get, "/admin/v1/audit?limit=5")
            let next = try #require(page.json["next_cursor"]?.string)
            #expect(
                await front.operate(.get, "/admin/v1/audit?limit=5&cursor=\(next)").json["items"]?.array?.count == 5)
            #expect(await front.operate(.get, "/admin/v1/audit?cursor=x").status == 400)
            switched.withLock { $0.append("done") }
        }
    }

    @Test(arguments: ["resubmit", "fail"])
    func `decides about what was sent and never answered`(action: String) async throws {
        try await Front.with { front in
            let id = try await front.task()
            let path = "/admin/v1/tasks/\(id)/resolve"
            let early = await front.operate(.post, path, "{\"action\":\"\(action)\"}")
            #expect(early.status == 409 && early.code == "nothing_unknown")
            try await front.lose(id)
            #expect(await front.get("/v1/generation-request/\(id)/status").json["state"] == "unknown")
            #expect(await front.operate(.post, path, "{\"action\":\"\(action)\"}").status == 200)
            let status = await front.get("/v1/generation-request/\(id)/status").json
            #expect(status["state"]?.string == (action == "fail" ? "failed" : "queued"))
            #expect(front.store.balance(of: front.account) == (action == "fail" ? 1000 : 980))
            let audit = await front.operate(.get, "/admin/v1/audit?limit=1")
            #expect(audit.json["items"]?[0]?["act"] == "tasks.resolve")
        }
    }

    @Test func `counts by provider and day`() async throws {
        try await Front.with { front in
            for index in 0..<4 {
                let id = try await front.task()
                try await front.begin(id)
                front.clock.advance(.seconds(10 + index))
                if index == 3 { try await front.fail(id) } else { try await front.finish(id) }
            }
            let rows = await front.operate(.get, "/admin/v1/stats").json["items"]
            #expect(rows?.array?.count == 1)
            #expect(rows?[0]?["day"] == "2026-03-02" && rows?[0]?["provider"] == "sandbox")
            #expect(rows?[0]?["attempts"] == 4 && rows?[0]?["succeeded"] == 3)
            #expect(rows?[0]?["credits"] == 60 && rows?[0]?["cost_microdollars"] == 75_000)
            #expect(rows?[0]?["p50_seconds"]?.double == 11 && rows?[0]?["p95_seconds"]?.double == 12)
        }
    }

    @Test func `backs up to an absolute path`() async throws {
        try await Front.with { front in
            let path = Rig.directory() + "/copy.db"
            let alone = "{\"path\":\"\(path)\",\"files\":null}"
            #expect(await front.operate(.post, "/admin/v1/backup", alone).status == 200)
            #expect(await front.operate(.post, "/admin/v1/backup", #"{"path":"copy.db"}"#).status == 400)
        }
    }
}
