import HTTP
import JSON
import Testing

@testable import API

struct WebhookRouteTests {
    private static let path = "/v1/webhook-endpoints/"

    private func made(_ front: Front, scheme: String) async throws -> String {
        let body = #"{"url":"https://example.com/hook","scheme":"\#(scheme)"}"#
        return try #require(await front.post(Self.path, body).json["id"]?.string)
    }

    @Test(arguments: [nil, "{}", #"{"overlap_seconds":60}"#, #"{"scheme":null}"#])
    func `a rotation that names no scheme keeps the endpoint's own`(body: String?) async throws {
        try await Front.withHooks { front in
            for scheme in ["ed25519", "hmac"] {
                let id = try await made(front, scheme: scheme)
                for _ in 0..<2 {
                    let rotated = await front.post("\(Self.path)\(id)/rotate", body)
                    #expect(rotated.status == 200, "\(rotated.text)")
                    #expect((rotated.json["public_key"] != nil) == (scheme == "ed25519"), "\(rotated.text)")
                }
            }
        }
    }

    @Test func `a rotation that names a scheme changes to it, and the next one keeps that`() async throws {
        try await Front.withHooks { front in
            let id = try await made(front, scheme: "ed25519")
            for body in [#"{"scheme":"hmac"}"#, "{}"] {
                let rotated = await front.post("\(Self.path)\(id)/rotate", body)
                #expect(rotated.status == 200 && rotated.json["public_key"] == nil, "\(rotated.text)")
            }
        }
    }

    @Test(arguments: [
        (#"["task.finished","task.done"]"#, #"got "task.done"."#), (#"["task.failed",7]"#, "got 7."),
        (#""task.finished""#, #"got "task.finished"."#),
    ])
    func `names the event that there is not`(events: String, message: String) async throws {
        try await Front.withHooks { front in
            let answer = await front.post(Self.path, #"{"url":"https://example.com/hook","events":\#(events)}"#)
            let error = answer.json["error"]
            #expect(answer.status == 400 && error?["param"] == "events", "\(answer.text)")
            #expect(error?["message"]?.string?.contains(message) == true, "\(answer.text)")
            #expect(error?["message"]?.string?.contains("task.finished, task.failed") == true)
        }
    }

    @Test func `an address that will not do is told of in one sentence`() async throws {
        try await Front.withHooks { front in
            let answer = await front.post(Self.path, #"{"url":"https://169.254.169.254/"}"#)
            #expect(answer.json["error"]?["message"] == "url leads to an address that is not allowed.")
        }
    }

    @Test func `to recover without a word says which word is missing`() async throws {
        try await Front.withHooks { front in
            let id = try await made(front, scheme: "hmac")
            let answer = await front.post("\(Self.path)\(id)/recover")
            #expect(answer.code == "validation_failed" && answer.json["error"]?["param"] == "since")
        }
    }

    @Test func `a cursor of another making is refused by name`() async throws {
        try await Front.withHooks { front in
            let id = try await made(front, scheme: "hmac")
            let answer = await front.get("\(Self.path)\(id)/deliveries/?cursor=zz")
            #expect(answer.status == 400 && answer.code == "validation_failed")
            #expect(answer.json["error"]?["param"] == "cursor")
            #expect(answer.json["error"]?["message"]?.string?.contains("zz") == true)
        }
    }
}
