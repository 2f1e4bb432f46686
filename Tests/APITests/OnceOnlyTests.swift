import Domain
import Foundation
import HTTP
import JSON
import Store
import Testing

@testable import API

/// POSTs beside submits under an Idempotency-Key: a retry does nothing, and shows once more what the first one showed.
struct OnceOnlyTests {
    private static let path = "/v1/webhook-endpoints/"
    private static let hook = #"{"url":"https://example.com/hook","description":"orders"}"#
    private let once: Headers = ["Idempotency-Key": "7c9e6679"]

    private func endpoints(_ front: Front) async -> Int { await front.get(Self.path).json["items"]?.array?.count ?? -1 }

    @Test func `a retry makes no second endpoint and shows the secret again`() async throws {
        try await Front.withHooks { front in
            let first = await front.post(Self.path, Self.hook, headers: once)
            let again = await front.post(Self.path, Self.hook, headers: once)
            #expect(first.status == 201 && again.status == 201)
            #expect(first.json["secret"]?.string == "secret-1")
            #expect(again.body == first.body)
            #expect(again.headers["Idempotent-Replayed"] == "true" && first.headers["Idempotent-Replayed"] == nil)
            #expect(await endpoints(front) == 1)
        }
    }

    @Test func `without a key every POST is one of its own`() async throws {
        try await Front.withHooks { front in
            let first = await front.post(Self.path, Self.hook)
            let second = await front.post(Self.path, Self.hook)
            #expect(first.json["id"] != second.json["id"])
            #expect(await endpoints(front) == 2)
        }
    }

    @Test func `forty at once make one endpoint`() async throws {
        try await Front.withHooks { front in
            let answers = await withTaskGroup(of: Answer.self) { group in
                for _ in 0..<40 { group.addTask { await front.post(Self.path, Self.hook, headers: once) } }
                return await group.reduce(into: [Answer]()) { $0.append($1) }
            }
            #expect(answers.allSatisfy { $0.status == 201 })
            #expect(Set(answers.map(\.body)).count == 1)
            #expect(answers.filter { $0.headers["Idempotent-Replayed"] == nil }.count == 1)
            #expect(await endpoints(front) == 1)
        }
    }

    @Test func `another body under the same key is refused, another spelling of it is not`() async throws {
        try await Front.withHooks { front in
            let first = await front.post(Self.path, Self.hook, headers: once)
            let other = await front.post(Self.path, #"{"url":"https://example.com/other"}"#, headers: once)
            #expect(other.status == 422 && other.code == "idempotency_key_reused")
            let spelled = await front.post(
                Self.path, " {\"description\" : \"orders\", \"url\":\"https:\\/\\/example.com\\/hook\"}",
                headers: ["Idempotency-Key": "\"7c9e6679\""])
            #expect(spelled.body == first.body)
            #expect(await endpoints(front) == 1)
        }
    }

    @Test func `the endpoint that the limit allowed last is shown again, not refused`() async throws {
        try await Front.withHooks { front in
            for _ in 0..<49 { #expect(await front.post(Self.path, Self.hook).status == 201) }
            let last = await front.post(Self.path, Self.hook, headers: once)
            #expect(last.status == 201)
            #expect(await front.post(Self.path, Self.hook).code == "too_many_endpoints")
            #expect(await front.post(Self.path, Self.hook, headers: once).body == last.body)
        }
    }

    @Test func `a rotation retried rotates once; the key belongs to that endpoint`() async throws {
        try await Front.withHooks { front in
            let one = try #require(await front.post(Self.path, Self.hook).json["id"]?.string)
            let two = try #require(await front.post(Self.path, Self.hook).json["id"]?.string)
            let first = await front.post("\(Self.path)\(one)/rotate", "{}", headers: once)
            let again = await front.post("\(Self.path)\(one)/rotate", "{}", headers: once)
            #expect(first.status == 200 && first.json["secret"]?.string?.hasPrefix("secret-") == true)
            #expect(again.body == first.body && again.headers["Idempotent-Replayed"] == "true")
            let other = await front.post("\(Self.path)\(two)/rotate", "{}", headers: once)
            #expect(other.status == 422)
        }
    }

    @Test func `each act and each account has keys of its own`() async throws {
        try await Front.withHooks { front in
            let made = await front.post(Self.path, Self.hook, headers: once)
            let id = try #require(made.json["id"]?.string)
            #expect(await front.post("\(Self.path)\(id)/rotate", "{}", headers: once).status == 200)
            #expect(await front.submit(headers: once).status == 200)
            let account = await front.operate(.post, "/admin/v1/accounts", #"{"name":"other","credits":0}"#)
            let key = try #require(account.json["key"]?.string)
            let theirs = await front.api.ask(.post, Self.path, key: key, headers: once, body: Self.hook)
            #expect(theirs.status == 201 && theirs.body != made.body)
            #expect(theirs.headers["Idempotent-Replayed"] == nil)
        }
    }

    @Test func `a key is forgotten when its time is over`() async throws {
        try await Front.withHooks { front in
            _ = await front.post(Self.path, Self.hook, headers: once)
            front.clock.advance(API.Settings().idempotency.retention + .seconds(1))
            let later = await front.post(Self.path, Self.hook, headers: once)
            #expect(later.status == 201 && later.headers["Idempotent-Replayed"] == nil)
            #expect(await endpoints(front) == 2)
        }
    }

    @Test(arguments: [(#""open"#, "{}"), ("", "{}"), ("7c9e6679", "{")])
    func `what cannot be read makes nothing`(key: String, body: String) async throws {
        try await Front.withHooks { front in
            let body = body == "{}" ? Self.hook : body
            let answer = await front.post(Self.path, body, headers: ["Idempotency-Key": key])
            #expect(answer.status == 400)
            #expect(await endpoints(front) == 0)
        }
    }

    @Test func `a refused one leaves its key free`() async throws {
        try await Front.withHooks { front in
            #expect(await front.post(Self.path, #"{"description":"goes nowhere"}"#, headers: once).status == 400)
            #expect(await front.post(Self.path, Self.hook, headers: once).status == 201)
        }
    }
}
