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
