import Domain
import HTTP
import JSON
import Store
import Testing

@testable import API

struct StatusTests {
    @Test(arguments: [
        ("wait=abc", #"got "abc"."#), ("wait=61", #"got "61"."#), ("after=x", #"got "x"."#),
    ])
    func `says what was got in a poll`(query: String, message: String) async throws {
        try await Front.with { front in
            let id = try await front.task()
            let answer = await front.get("/v1/generation-request/\(id)/status/?\(query)")
            #expect(answer.status == 400 && answer.json["error"]?["message"]?.string?.contains(message) == true)
        }
    }

    @Test func `tells the whole way of a task in the seed's words`() async throws {
        try await Front.with { front in
            let id = try await front.task(
                #"{"image_url":"https://example.com/a.png","seed":7,"metadata":{"order":"A-17"}}"#)
            let path = "/v1/generation-request/\(id)/status/"
            let pending = await front.get(path)
            #expect(pending.json.object?.names.prefix(4) == ["status", "progress", "failure_reason", "results"])
            #expect(pending.json["status"] == "PENDING" && pending.json["results"] == [])
            #expect(pending.json["queue_position"] == 0)
            #expect(pending.headers["Retry-After"] == "2" && pending.headers["Cache-Control"] == "no-store")
            try await front.begin(id)
            try await front.progress(id, 40)
            let running = await front.get(path)
            #expect(running.json["status"] == "IN_PROGRESS" && running.json["progress"] == 40)
            #expect(running.json["upstream_status"] == "sampling" && running.json["checked_at"]?.string != nil)
            #expect(running.json["queue_position"]?.isNull == true)
            try await front.finish(id)
            let finished = await front.get(path)
            #expect(finished.json["status"] == "FINISHED" && finished.json["progress"] == 100)
            #expect(finished.json["seed"] == 7 && finished.json["metadata"] == ["order": "A-17"])
            #expect(finished.json["credits"] == 20 && finished.json["provider"] == "sandbox")
            #expect(finished.json["queue_position"] == nil && finished.headers["Retry-After"] == nil)
            let result = try #require(finished.json["results"]?[0])
            #expect(result["asset_type"] == "3D_MODEL" && result["asset_url"]?.isNull == true)
            #expect(result["asset"]?.string?.hasPrefix("http://gateway.test/v1/assets/") == true)
        }
    }

    @Test func `the fast way and the slow way say the same`() async throws {
        try await Front.with { front in
            for state in ["queued", "running", "finished"] {
                let id = try await front.task()
                if state != "queued" { try await front.begin(id) }
                if state == "finished" { try await front.finish(id) }
                let path = "/v1/generation-request/\(id)/status"
                let request = HTTPRequest(.get, path, headers: ["Authorization": "Bearer \(front.key)"])
                let fast = front.api.statusFromMemory(request).map(Answer.init)
                front.store.dropCaches()
                #expect(front.api.statusFromMemory(request) == nil)
                let slow = await front.get(path)
                #expect(fast?.text == slow.text && fast?.headers == slow.headers)
            }
        }
    }

    @Test func `a canceled task is FAILED with a reason, and its exact word is in state`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            let answer = await front.post("/v1/generation-request/\(id)/cancel/")
            #expect(answer.json["status"] == "FAILED" && answer.json["state"] == "canceled")
            #expect(answer.json["failure_reason"]?.string?.isEmpty == false)
            #expect(answer.json["error"]?["code"] == "canceled" && answer.json["credits"] == 0)
            let again = await front.post("/v1/generation-request/\(id)/cancel")
            #expect(again.status == 200 && again.body == answer.body)
            #expect(front.store.balance(of: front.account) == 1000)
        }
    }

    @Test func `says of several results which failed, and what came back`() async throws {
        try await Front.with { front in
            let id = try await front.task(
                #"{"image_url":"https://example.com/a.png","number_results":2,"generate_thumbnail":true,"include_cost":true}"#
            )
            for slot in 0...1 { try await front.begin(id, slot: slot) }
            try await front.finish(id, slot: 0)
            try await front.fail(id, slot: 1)
            let body = await front.get("/v1/generation-request/\(id)/status/").json
            #expect(body["status"] == "FINISHED" && body["results"]?.array?.count == 1)
            #expect(body["failed_results"]?[0]?["error"]?["code"] == "generation_failed")
            // The second model and both thumbnails came back: 20 of 44 are spent.
            #expect(body["credits"] == 20)
            #expect(body["cost"] == ["credits_charged": 44, "credits_settled": 20, "credits_refunded": 24])
            #expect(front.store.balance(of: front.account) == 980)
        }
    }

    @Test func `72: another account's task looks exactly like a missing one`() async throws {
        try await Front.with { front in
            let made = await front.operate(.post, "/admin/v1/accounts", #"{"name":"other","credits":100}"#)
            let other = try #require(made.json["key"]?.string)
            let theirs = try await front.task()
            let missing = TaskID.new(at: Rig.start)
            for rest in ["status", "status/?wait=1", "events", "receipt"] {
                let foreign = await front.api.ask(.get, "/v1/generation-request/\(theirs)/\(rest)", key: other)
                let absent = await front.api.ask(.get, "/v1/generation-request/\(missing)/\(rest)", key: other)
                #expect(foreign.status == 404)
                #expect(foreign.text == absent.text && foreign.headers == absent.headers)
            }
            let foreign = await front.api.ask(.post, "/v1/generation-request/\(theirs)/cancel", key: other)
            #expect(foreign.status == 404)
            let list = await front.api.ask(.get, "/v1/generation-requests", key: other)
            #expect(list.json["items"] == [])
            let batch = await front.api.ask(
                .post, "/v1/generation-request/status", key: other, body: "{\"task_ids\":[\"\(theirs)\"]}")
            #expect(batch.json["items"] == [] && batch.json["not_found"] == [.string(theirs.description)])
        }
    }

    @Test func `carries the model itself for b64_json`() async throws {
        try await Front.with { front in
            let id = try await front.task(
                #"{"image_url":"https://example.com/a.png","response_format":"b64_json"}"#)
            try await front.begin(id)
            try await front.finish(id, model: Array("a model of some length".utf8))
            let body = await front.get("/v1/generation-request/\(id)/status/").json
            let text = try #require(body["results"]?[0]?["b64_json"]?.string)
            #expect(Base64.decode(text) == Array("a model of some length".utf8))
        }
    }

    @Test func `answers with models in them share what memory there is for them`() async throws {
        try await Front.with { front in
            let id = try await front.task(
                #"{"image_url":"https://example.com/a.png","response_format":"b64_json"}"#)
            try await front.begin(id)
            try await front.finish(id, model: Array("a model of some length".utf8))
            func model() async -> JSONValue? {
                await front.get("/v1/generation-request/\(id)/status/").json["results"]?[0]?["b64_json"]
            }
            let account = try #require(front.store.recent(id)).task.account
            var slow = front.api.inline.lease(64 << 20, for: account)
            #expect(slow != nil)
            // Its address is in the status all the same.
            #expect(await model() == nil)
            #expect(await front.get("/v1/generation-request/\(id)/status/").json["results"]?[0]?["asset"] != nil)
            slow = nil
            #expect(await model() != nil)
        }
        let allowance = InlineAllowance(limit: 100)
        let accounts = (0..<5).map { AccountID(high: 1, low: UInt64($0)) }
        let leases = accounts.map { allowance.lease(25, for: $0) }
        #expect(leases.map { $0 != nil } == [true, true, true, true, false])
        #expect(allowance.lease(1, for: accounts[0]) == nil)
    }

    @Test func `a receipt tells asked, tried, answered and charged`() async throws {
        try await Front.with { front in
            let id = try await front.task()
            try await front.begin(id)
            try await front.finish(id)
            let story = await front.get("/v1/generation-request/\(id)/receipt/").json
            #expect(story["asked"]?["in_force"]?["steps"] == 12)
            #expect(story["attempts"]?[0]?["outcome"] == "succeeded")
            // What concerns the operator alone is not in it.
            #expect(story["attempts"]?[0]?["upstream_id"] == nil && story["attempts"]?[0]?["excerpt"] == nil)
            #expect(story["charged"]?["postings"]?.array?.compactMap { $0["kind"]?.string } == ["hold", "settle"])
            #expect(story["answered"]?["status"] == "FINISHED")
            // What the house holds for everyone, and how often it moved, is not a customer's to read.
            #expect(story["charged"]?["postings"]?[0]?["balance_after"] == 980)
            #expect(story["charged"]?["postings"]?[1]?["balance_after"] == .null)
            #expect(story["charged"]?["postings"]?[1]?["account_sequence"] == .null)
        }
    }
}
