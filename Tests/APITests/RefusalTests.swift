import Domain
import HTTP
import JSON
import Store
import Testing

@testable import API

struct RefusalTests {
    private static let badJSON: Refusal = {
        do throws(JSONError) { _ = try JSONReader.value(of: "{") } catch { return .badJSON(error) }
        return .broken("an open brace was read as JSON")
    }()

    /// One of each, with the status and the word that clients know it by.
    static let all: [(Refusal, Int, String)] = [
        (.invalid([FieldFault("steps", "steps is wrong.")]), 400, "validation_failed"),
        (badJSON, 400, "invalid_json"),
        (.badIdempotencyKey("no"), 400, "invalid_idempotency_key"),
        (.idempotencyKeyMissing, 400, "idempotency_key_missing"),
        (.idempotencyMismatch, 422, "idempotency_key_reused"),
        (.wrongContentType("text/plain"), 415, "unsupported_media_type"),
        (.encodedBody(coding: "gzip"), 415, "unsupported_media_type"), (.byteOrderMark, 400, "invalid_json"),
        (.bodyTooLarge(limit: 1), 413, "body_too_large"),
        (.framing(408, code: "request_timeout", message: "Too slow."), 408, "request_timeout"),
        (.noKey, 401, "invalid_api_key"), (.noBearer, 401, "invalid_api_key"),
        (.malformedKey, 401, "invalid_api_key"),
        (.unknownKey, 401, "invalid_api_key"), (.expiredKey, 401, "api_key_expired"),
        (.revokedKey, 401, "api_key_revoked"), (.accountDisabled, 403, "account_disabled"),
        (.wrongScope(has: .read, needs: [.user]), 403, "wrong_scope"), (.badSignature, 403, "invalid_signature"),
        (.noSuchRoute, 404, "not_found"), (.notFound("task"), 404, "not_found"),
        (.methodNotAllowed(allow: "GET"), 405, "method_not_allowed"), (.gone("Gone."), 410, "gone"),
        (.otherVersion(["ETag": "\"a\""]), 412, "precondition_failed"),
        (.noSuchPart(["Content-Range": "bytes */9"]), 416, "range_not_satisfiable"),
        (.conflict(code: "too_late", message: "Too late."), 409, "too_late"),
        (.insufficientCredits(required: 2, balance: 1), 402, "insufficient_credits"),
        (.spendCapReached(cap: 2, spent: 1), 402, "spend_cap_reached"),
        (
            .rateLimited(.init(isAllowed: false, limit: 3, remaining: 0, retryAfter: 20), what: "requests"), 429,
            "rate_limited"
        ),
        (.tooManyTasks(limit: 1), 429, "too_many_tasks"), (.tooManyWaiting(limit: 1), 429, "too_many_waiting"),
        (.noProvider([]), 400, "no_provider_fits"), (.noRoom, 503, "storage_full"),
        (.unavailable("No."), 503, "unavailable"), (.store(.paidWritesPaused(reason: "x")), 503, "paused"),
        (.store(.diskFull), 503, "storage_full"), (.store(.outcomeUnknown("x")), 503, "outcome_unknown"),
        (.store(.closed), 503, "shutting_down"), (.store(.overloaded), 503, "overloaded"),
        (.store(.notFound), 404, "not_found"), (.store(.alreadyExists("It is.")), 409, "already_exists"),
        (.store(.refused("No.")), 409, "refused"), (.store(.broken("x")), 500, "internal_error"),
        (.broken("x"), 500, "internal_error"),
    ]

    @Test func `every refusal has its status, its word and the one shape`() throws {
        for (refusal, status, code) in Self.all {
            let answer = Answer(ErrorBody(refusal).response(for: .given("r-1")))
            #expect(answer.status == status && answer.code == code, "\(refusal): \(answer.status) \(answer.text)")
            #expect(answer.json.object?.names == ["error", "error_code", "detail"])
            #expect(answer.json["error_code"]?.string == code.uppercased())
            #expect(answer.json["detail"] == answer.json["error"]?["message"])
            #expect(answer.json["error"]?["request_id"] == "r-1")
            #expect(answer.headers["Content-Type"] == "application/json")
            if status == 401 { #expect(answer.headers["WWW-Authenticate"]?.hasPrefix("Bearer") == true) }
            if status == 429 || status == 503 { #expect(answer.headers["Retry-After"] != nil, "\(refusal)") }
        }
    }

    @Test func `what went wrong inside is told to the log alone`() {
        for refusal in [
            Refusal.broken("secret detail"), .store(.broken("secret detail")), .store(.outcomeUnknown("secret detail")),
            .store(.paidWritesPaused(reason: "secret detail")),
        ] {
            let error = ErrorBody(refusal)
            #expect(!String(decoding: error.bytes(for: .made(1, 2)), as: UTF8.self).contains("secret"))
            #expect(error.forTheLog == "secret detail")
        }
    }

    @Test func `answers the methods of a path, and browsers where that is allowed`() async throws {
        try await Front.with { front in
            let wrong = await front.api.ask(.delete, "/v1/wallet/", key: front.key)
            #expect(wrong.status == 405 && wrong.headers["Allow"] == "GET, HEAD, OPTIONS")
            let options = await front.api.ask(.options, Front.submitPath)
            #expect(options.status == 204 && options.headers["Allow"] == "POST, OPTIONS")
            #expect(options.headers["Access-Control-Allow-Origin"] == nil)
            var settings = front.api.settings
            settings.origins = ["https://app.example.com"]
            front.api.settings = settings
            let preflight: Headers = ["Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"]
            let allowed = await front.api.ask(.options, Front.submitPath, headers: preflight)
            #expect(allowed.headers["Access-Control-Allow-Origin"] == "https://app.example.com")
            #expect(allowed.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS")
            let stranger: Headers = ["Origin": "https://evil.example.com"]
            let other = await front.api.ask(.get, "/v1/wallet", key: front.key, headers: stranger)
            #expect(other.headers["Access-Control-Allow-Origin"] == nil && other.headers["Vary"] == "Origin")
            let own = await front.api.ask(
                .get, "/v1/wallet", key: front.key, headers: ["Origin": "https://app.example.com"])
            #expect(own.headers["Access-Control-Allow-Origin"] == "https://app.example.com")
        }
    }

    @Test func `refuses from the head alone, before a body is read`() async throws {
        try await Front.with { front in
            func admit(_ headers: Headers, _ path: String = Front.submitPath) -> Int? {
                front.api.admit(HTTPRequest(.post, path, headers: headers)).map { Int($0.status.code) }
            }
            let key: Headers = ["Authorization": "Bearer \(front.key)"]
            #expect(admit([:]) == 401)
            #expect(admit(["Authorization": "Bearer \(front.readKey)"]) == 403)
            #expect(admit(key, "/nothing") == 404)
            #expect(admit(key, "/v1/wallet") == 405)
            var typed = key
            typed.add("Content-Type", "application/x-www-form-urlencoded")
            #expect(admit(typed) == 415)
            var long = key
            long.add("Content-Length", "33554433")
            #expect(admit(long) == 413)
            var right = key
            right.add("Content-Type", "application/json; charset=utf-8")
            right.add("Content-Length", "33554432")
            #expect(admit(right) == nil)
        }
    }

    @Test func `tells a key in the wrong form from none, and does not repeat it`() async throws {
        try await Front.with { front in
            let none = await front.api.ask(.get, "/v1/wallet/")
            #expect(none.status == 401 && none.text.contains("No API key was sent."))
            for value in [front.key, "Basic \(front.key)", "Bearer", "Bearer: \(front.key)", "Token token=x"] {
                let answer = await front.api.ask(.get, "/v1/wallet/", headers: ["Authorization": value])
                #expect(answer.status == 401 && answer.text.contains("not of the form Bearer KEY"), "\(answer.text)")
                #expect(!answer.text.contains(front.key))
            }
        }
    }

    @Test func `a body that is too large is told its limit and what to do`() {
        for refusal in [
            Refusal.bodyTooLarge(limit: 33, takesPicture: true),
            .framing(413, code: "body_too_large", message: "The body is larger than the limit of 33 bytes."),
        ] {
            let error = ErrorBody(refusal)
            #expect(error.message == "The body is larger than the limit of 33 bytes.")
            #expect(error.suggestion?.contains("image_url") == true)
        }
    }

    @Test(arguments: ["multipart/form-data; boundary=x", "image/png", "application/x-www-form-urlencoded"])
    func `says where a picture goes that was sent as it is`(type: String) async throws {
        try await Front.with { front in
            let answer = await front.submit("x", headers: ["Content-Type": type])
            #expect(answer.status == 415 && answer.text.contains("got \(type)."))
            #expect(answer.json["error"]?["suggestion"]?.string?.contains("base64 in image") == true)
            let other = await front.post("/v1/generation-request/status/", "x", headers: ["Content-Type": type])
            #expect(other.status == 415 && !other.text.contains("base64"))
        }
    }

    @Test func `says what is odd about a body that holds JSON`() async throws {
        try await Front.with { front in
            let untyped = await front.submit(headers: ["Content-Type": ""])
            #expect(untyped.status == 415 && untyped.text.contains("got an empty Content-Type."))
            let packed = await front.submit("\u{1f}", headers: ["Content-Encoding": "gzip"])
            #expect(packed.status == 415 && packed.text.contains("Content-Encoding: gzip."))
            #expect(packed.headers["Accept-Encoding"] == "identity")
            #expect(await front.submit(headers: ["Content-Encoding": "Identity"]).status == 200)
            let marked = await front.submit("\u{feff}" + Front.body)
            #expect(marked.code == "invalid_json" && marked.text.contains("begins with a byte order mark"))
        }
    }

    @Test func `health says what it stands on, readiness what is missing`() async throws {
        let problems = [Problem("disk", "The disk is full.")]
        try await Front.with { front in
            let health = await front.api.ask(.get, "/healthz")
            #expect(health.status == 200 && health.json["store"]?["sqlite"]?.string != nil)
            #expect(await front.api.ask(.get, "/readyz/").json["status"] == "ready")
        }
        try await Front.with(credits: 0, { $0.problems = { problems } }) { front in
            let unready = await front.api.ask(.get, "/readyz")
            #expect(unready.status == 503 && unready.json["problems"]?[0]?["check"] == "disk")
        }
    }
}
