import Domain
import HTTP
import JSON
import Store
import Testing

@testable import API

/// Faults 28 to 36: whatever happens to an answer, a retry costs nothing.
struct IdempotencyTests {
    private let once: Headers = ["Idempotency-Key": "7c9e6679"]

    @Test func `28: a retry after a lost answer gets it again and pays once`() async throws {
        try await Front.with { front in
            let first = await front.submit(headers: once)
            let again = await front.submit(headers: once)
            #expect(first.status == 200 && again.status == 200)
            #expect(again.body == first.body)
            #expect(again.headers["Idempotent-Replayed"] == "true" && first.headers["Idempotent-Replayed"] == nil)
            #expect(again.headers["X-Credits-Charged"] == nil)
            #expect(front.store.balance(of: front.account) == 980)
        }
    }

    @Test func `29: a hundred at once make one task`() async throws {
        try await Front.with { front in
            let answers = await withTaskGroup(of: Answer.self) { group in
                for _ in 0..<100 { group.addTask { await front.submit(headers: once) } }
                var answers: [Answer] = []
                for await answer in group { answers.append(answer) }
                return answers
            }
            #expect(answers.allSatisfy { $0.status == 200 })
            #expect(Set(answers.map(\.body)).count == 1)
            #expect(answers.filter { $0.headers["Idempotent-Replayed"] == nil }.count == 1)
            #expect(front.store.balance(of: front.account) == 980)
        }
    }

    @Test func `29: a hundred at once with credits for one all get its answer`() async throws {
        try await Front.with(credits: 20) { front in
            let codes = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<100 { group.addTask { await front.submit(headers: once).status } }
                return await group.reduce(into: Set<Int>()) { $0.insert($1) }
            }
            #expect(codes == [200])
            #expect(front.store.balance(of: front.account) == 0)
        }
    }

    @Test func `30: the same key with another body is refused`() async throws {
        try await Front.with { front in
            _ = await front.submit(headers: once)
            let other = await front.submit(
                #"{"image_url":"https://example.com/chair.png","steps":13}"#, headers: once)
            #expect(other.status == 422 && other.code == "idempotency_key_reused")
            #expect(front.store.balance(of: front.account) == 980)
        }
    }

    @Test func `31: another spelling of the same request replays`() async throws {
        try await Front.with { front in
            let first = await front.submit(headers: once)
            let again = await front.submit(
                " {\"steps\" : 12, \"image_url\" : \"https:\\/\\/example.com/chair.png\"}\n",
                headers: ["Idempotency-Key": "\"7c9e6679\""])
            #expect(again.body == first.body)
        }
    }

    @Test func `32: the same key of another account is another key`() async throws {
        try await Front.with { front in
            let made = await front.operate(.post, "/admin/v1/accounts", #"{"name":"other","credits":100}"#)
            let other = try #require(made.json["key"]?.string)
            let first = await front.submit(headers: once)
            let second = await front.api.ask(
                .post, Front.submitPath, key: other, headers: once, body: Front.body)
            #expect(second.status == 200 && second.body != first.body)
            #expect(second.headers["Idempotent-Replayed"] == nil)
        }
    }

    @Test func `33: a retry with another key of the account replays`() async throws {
        try await Front.with { front in
            let first = await front.submit(headers: once)
            let made = await front.operate(.post, "/admin/v1/accounts/acme/keys", "{}")
            let second = try #require(made.json["key"]?.string)
            let again = await front.api.ask(.post, Front.submitPath, key: second, headers: once, body: Front.body)
            #expect(again.body == first.body && again.headers["Idempotent-Replayed"] == "true")
            #expect(front.store.balance(of: front.account) == 980)
        }
    }

    @Test func `34: after 402 and a top-up the same key is taken`() async throws {
        try await Front.with(credits: 5) { front in
            #expect(await front.submit(headers: once).status == 402)
            let grant = await front.operate(
                .post, "/admin/v1/accounts/acme/credits", #"{"amount":100,"reference":"top-up"}"#)
            #expect(grant.status == 201)
            let taken = await front.submit(headers: once)
            #expect(taken.status == 200 && taken.headers["Idempotent-Replayed"] == nil)
        }
    }

    @Test func `36: sixty-four race for the last credits and exactly those that can pay get through`() async throws {
        try await Front.with(credits: 20 * 7) { front in
            let codes = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<64 { group.addTask { await front.submit().status } }
                return await group.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(codes == [200: 7, 402: 57])
            #expect(front.store.balance(of: front.account) == 0)
        }
    }

    @Test func `a key is new again when its time is over and its task has ended`() async throws {
        try await Front.with { front in
            let first = await front.submit(headers: once)
            let id = try #require(first.json["task_id"]?.string)
            front.clock.advance(.seconds(8 * 86_400))
            #expect(await front.submit(headers: once).body == first.body)
            _ = await front.post("/v1/generation-request/\(id)/cancel/")
            #expect(await front.submit(headers: once).body != first.body)
        }
    }

    @Test func `may be demanded of everybody`() async throws {
        var settings = API.Settings()
        settings.idempotency.required = true
        try await Front.with(settings: settings) { front in
            let refused = await front.submit()
            #expect(refused.status == 400 && refused.code == "idempotency_key_missing")
            #expect(await front.submit(headers: once).status == 200)
        }
    }
}
