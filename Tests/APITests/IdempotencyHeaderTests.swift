import Domain
import HTTP
import Testing

@testable import API

struct IdempotencyHeaderTests {
    @Test func `takes the bare and the quoted form for the same key`() throws {
        #expect(try IdempotencyHeader.key(in: ["Idempotency-Key": "abc-1"]) == "abc-1")
        #expect(try IdempotencyHeader.key(in: ["idempotency-key": "\"abc-1\""]) == "abc-1")
        #expect(try IdempotencyHeader.key(in: ["Idempotency-Key": #""a\"b\\c""#]) == #"a"b\c"#)
        #expect(try IdempotencyHeader.key(in: [:]) == nil)
        let longest = String(repeating: "k", count: 255)
        #expect(try IdempotencyHeader.key(in: ["Idempotency-Key": longest]) == longest)
    }

    @Test(arguments: [
        "", "\"\"", "\"abc", #""a"b""#, #""a\x""#, "\"a\\", "schlüssel", "a\tb",
        String(repeating: "k", count: 256),
    ])
    func `refuses what is no key`(value: String) {
        #expect(throws: Refusal.self) { try IdempotencyHeader.key(in: ["Idempotency-Key": value]) }
    }

    @Test func `refuses two headers`() {
        var headers: Headers = ["Idempotency-Key": "a"]
        headers.add("Idempotency-Key", "a")
        #expect(throws: Refusal.self) { try IdempotencyHeader.key(in: headers) }
    }

    private func canonical(_ body: String) throws -> [UInt8] {
        let body = try GenerationBodyTests.read(body).get()
        var request = body.request
        if case .url(let url) = body.picture { request.picture = .url(url) }
        return IdempotencyHeader.canonical(request)
    }

    @Test func `compares what is asked, not how it is spelled`() throws {
        let plain = try canonical(#"{"image_url":"https://example.com/a.png"}"#)
        #expect(try canonical(#"{ "image_url" : "https:\/\/example.com/a.png", "seed": null }"#) == plain)
        #expect(try canonical(#"{"steps":12,"image_url":"https://example.com/a.png","resolution":"1024"}"#) == plain)
        #expect(try canonical(#"{"resolution":1024,"image_url":"https://example.com/a.png","steps":12.0}"#) == plain)
        #expect(try canonical(#"{"image_url":"https://example.com/a.png","steps":13}"#) != plain)
        #expect(try canonical(#"{"image_url":"https://example.com/a.png","seed":0}"#) != plain)
        #expect(try canonical(#"{"image_url":"https://example.com/a.png","metadata":{"a":"b"}}"#) != plain)
        #expect(try canonical(#"{"image_url":"https://example.com/A.png"}"#) != plain)
    }

    @Test func `compares every field that a request can have`() throws {
        let changed = [
            "provider": #"["fal"]"#, "fallback": "false", "on_unsupported": #""adjust""#,
            "webhook_url": #""https://example.com/hook""#, "upload_url": #""https://example.com/put""#,
            "response_format": #""b64_json""#, "ttl": "3600", "include_cost": "true", "metadata": #"{"a":"b"}"#,
            "priority": #""low""#, "cancel_after": "60", "start_within": "60",
        ]
        #expect(Set(changed.keys) == Set(GenerationBody.extensions), "a new field needs a line here")
        let plain = try canonical(#"{"image_url":"https://example.com/a.png"}"#)
        for (name, value) in changed {
            let other = try canonical(#"{"image_url":"https://example.com/a.png","\#(name)":\#(value)}"#)
            #expect(other != plain, "\(name)")
        }
    }
}
