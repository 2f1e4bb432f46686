import Domain
import HTTP
import JSON
import Store

/// What a client reads of a refusal: one shape for every error there is, whoever made it.
package struct ErrorBody: Sendable {
    package let status: HTTPStatus
    /// A stable lower-case word; programs branch on it.
    package let code: String
    package let message: String
    package var parameter: String?
    package var details: [FieldFault] = []
    package var suggestion: String?
    package var headers: Headers = [:]
    /// Further members of `error`, such as `required` and `balance`.
    package var extras: [(name: String, value: Int64)] = []
    /// What only the log may say.
    package var forTheLog: String?

    init(_ status: HTTPStatus, _ code: String, _ message: String, suggestion: String? = nil, headers: Headers = [:]) {
        self.status = status
        self.code = code
        self.message = message
        self.suggestion = suggestion
        self.headers = headers
    }

    package func response(for id: RequestID) -> HTTPResponse {
        var headers = headers
        headers.add("Content-Type", "application/json")
        headers.add("Cache-Control", "no-store")
        return HTTPResponse(status, headers: headers, body: .bytes(bytes(for: id)))
    }

    package func bytes(for id: RequestID) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.object("error") {
                $0.member("code", code)
                $0.member("message", message)
                if let parameter { $0.member("param", parameter) }
                if !details.isEmpty { $0.array("details") { for detail in details { detail.write(to: &$0) } } }
                for extra in extras { $0.member(extra.name, extra.value) }
                if let suggestion { $0.member("suggestion", suggestion) }
                $0.member("request_id", id.description)
            }
            // The twins that clients of 3D AI Studio read.
            $0.member("error_code", code.uppercased())
            $0.member("detail", message)
        }
        return json.bytes
    }
}

extension FieldFault {
    func write(to json: inout JSONWriter) {
        json.object {
            $0.member("param", parameter)
            $0.member("message", message)
            if let value { $0.member("value", value) }
            if let allowed { $0.member("allowed", allowed) }
            if let suggestion { $0.member("suggestion", suggestion) }
            if let provider { $0.member("provider", provider.rawValue) }
        }
    }
}

extension ErrorBody {
    /// The only switch from what went wrong to status, code and words.
    package init(_ refusal: Refusal) {
        switch refusal {
        case .invalid(let faults):
            self.init(
                400, "validation_failed",
                faults.count == 1 ? faults[0].message : "\(faults.count) fields are not acceptable; see details.")
            parameter = faults.first?.parameter
            details = faults
            suggestion = faults.lazy.compactMap(\.suggestion).first
        case .badJSON(let error):
            self.init(
                400, "invalid_json", "The body is not a JSON object: \(error).",
                suggestion: "Send one JSON object, UTF-8, with Content-Type: application/json.")
        case .badIdempotencyKey(let why): self.init(400, "invalid_idempotency_key", why)
        case .idempotencyKeyMissing:
            self.init(
                400, "idempotency_key_missing", "This gateway wants an Idempotency-Key header on every submit.",
                suggestion: "Send a fresh UUID per request, and the same one again when you retry. See /docs.")
        case .idempotencyMismatch:
            self.init(
                422, "idempotency_key_reused", "This Idempotency-Key was used for another request.",
                suggestion: "Use a new key for a new request; repeat a key only with the same fields.")
        case .byteOrderMark:
            self.init(
                400, "invalid_json", "The body is not a JSON object: it begins with a byte order mark (at byte 0).",
                suggestion: "Send UTF-8 without a byte order mark (RFC 8259 §8.1).")
        case .wrongContentType(let given, let takesPicture):
            let got = given.isEmpty ? "an empty Content-Type" : given
            let picture = "; a picture goes into it as base64 in image, or as its address in image_url"
            self.init(
                415, "unsupported_media_type", "The body must be application/json; got \(got).",
                suggestion: "Send one JSON object with the header Content-Type: application/json"
                    + (takesPicture ? "\(picture)." : "."))
        case .encodedBody(let coding):
            // RFC 9110 §15.5.16: Accept-Encoding tells a client that it was the coding, and which one will do.
            self.init(
                415, "unsupported_media_type", "The body must not be encoded; got Content-Encoding: \(coding).",
                suggestion: "Send the JSON as it is, without Content-Encoding.",
                headers: ["Accept-Encoding": "identity"])
        case .bodyTooLarge(let limit, let takesPicture):
            self.init(
                413, "body_too_large", "The body is larger than the limit of \(limit) bytes.",
                suggestion: takesPicture ? Self.smallerPicture : "Send less at once.")
        case .framing(let status, let code, let message):
            // The server's own words, in the one shape. No body but one with a picture comes near its limit.
            self.init(status, code, message, suggestion: status == 413 ? Self.smallerPicture : nil)
            if status == 503 || status == 429 { headers.add("Retry-After", "5") }
        case .noKey:
            self.init(
                401, "invalid_api_key", "No API key was sent.",
                suggestion: "Send the header Authorization: Bearer YOUR_API_KEY.", headers: Self.challenge)
        case .noBearer:
            // What stands there instead is not repeated: it may be the key.
            self.init(
                401, "invalid_api_key", "The Authorization header is not of the form Bearer KEY.",
                suggestion: "Send the header Authorization: Bearer YOUR_API_KEY.", headers: Self.challenge)
        case .malformedKey:
            self.init(
                401, "invalid_api_key", "This is not an API key of this gateway: its form or checksum is wrong.",
                suggestion: "Copy the key again, whole: it has 40 characters and begins with tg.",
                headers: Self.challenge)
        case .unknownKey:
            self.init(401, "invalid_api_key", "This API key is not known here.", headers: Self.challenge)
        case .expiredKey: self.init(401, "api_key_expired", "This API key has expired.", headers: Self.challenge)
        case .revokedKey: self.init(401, "api_key_revoked", "This API key was revoked.", headers: Self.challenge)
        case .accountDisabled:
            self.init(403, "account_disabled", "This account is disabled; ask the operator of the gateway.")
        case .wrongScope(let has, let needs):
            let wanted = needs.map(\.rawValue).joined(separator: " or ")
            self.init(
                403, "wrong_scope", "A key of scope \(has.rawValue) may not do this; it takes scope \(wanted).")
        case .badSignature:
            self.init(
                403, "invalid_signature", "The signature of this address is missing or wrong.",
                suggestion: "Use the address exactly as the status answer gives it.")
        case .noSuchRoute:
            self.init(404, "not_found", "There is nothing at this path.", suggestion: "The paths are listed at /docs.")
        case .notFound(let what): self.init(404, "not_found", "No \(what) with this id.")
        case .noneCalled(let kind, let given, let known):
            let list = known.isEmpty ? nil : "There are " + known.joined(separator: ", ") + "."
            self.init(
                404, "not_found", "There is no \(kind) \(JSONValue.string(String(given.prefix(64)))).", suggestion: list
            )
        case .taken(let account):
            self.init(
                409, "already_exists", "There is an account called \(account) already.",
                suggestion: "If its key was lost, make another: trellis-gateway keys create --account NAME.")
        case .methodNotAllowed(let allow):
            self.init(
                405, "method_not_allowed", "This path takes \(allow).", headers: ["Allow": allow])
        case .gone(let what): self.init(410, "gone", what)
        case .otherVersion(let headers):
            self.init(
                412, "precondition_failed", "This file is not the version that the request's condition names.",
                suggestion: "Leave the condition out, or name the version in ETag.", headers: headers)
        case .noSuchPart(let headers):
            self.init(
                416, "range_not_satisfiable", "The file has no byte of the range that was asked for.",
                suggestion: "Ask for a part within the length that Content-Range tells.", headers: headers)
        case .conflict(let code, let message): self.init(409, code, message)
        case .insufficientCredits, .spendCapReached, .rateLimited, .tooManyTasks, .tooManyWaiting:
            self.init(limit: refusal)
        case .noProvider(let obstacles, let isAdjustable):
            self.init(
                400, "no_provider_fits",
                "No provider can take this request as it is; details name what stands in the way.",
                suggestion: Self.remedy(for: obstacles, isAdjustable: isAdjustable))
            details = obstacles
            parameter = obstacles.first?.parameter
        case .providersOff:
            self.init(
                503, "no_provider_on",
                "Every provider that could take this request is switched off at the moment; nothing was charged.",
                suggestion: "Retry after the seconds in Retry-After; GET /v1/providers/ tells which are on.",
                headers: ["Retry-After": "30"])
        case .noRoom:
            self.init(
                503, "storage_full",
                "The gateway's disk or quota is full, so it takes no new work; nothing was charged.",
                headers: ["Retry-After": "60"])
        case .unavailable(let why): self.init(503, "unavailable", why, headers: ["Retry-After": "5"])
        case .store(let error): self.init(store: error)
        case .broken(let why):
            self.init(
                500, "internal_error", "Something went wrong on our side; it was logged under this request id.")
            forTheLog = why
        }
    }

    /// Only what would help: a provider that is not enabled, say, takes nothing however the request is adjusted.
    private static func remedy(for obstacles: [FieldFault], isAdjustable: Bool) -> String {
        if isAdjustable {
            return "Change the fields named, or send \"on_unsupported\": \"adjust\" to take the nearest value."
        }
        guard obstacles.contains(where: { $0.parameter != "provider" }) else {
            return "Ask for another provider, or leave the choice to the gateway with \"auto\"."
        }
        if obstacles.contains(where: { $0.parameter == "image" }) {
            return "Send the picture's address in image_url, or ask for a provider that takes its bytes."
        }
        return "Change the fields named, or ask for a provider that takes them: GET /v1/providers/ says which do."
    }

    private static let smallerPicture = "Send the picture's address in image_url, or a smaller picture."

    private static let challenge: Headers = ["WWW-Authenticate": "Bearer realm=\"trellis-gateway\""]

    private init(limit refusal: Refusal) {
        switch refusal {
        case .insufficientCredits(let required, let balance):
            self.init(
                402, "insufficient_credits",
                "Insufficient credits: this costs \(required) and the wallet holds \(balance). Top up your wallet.")
            extras = [("required", required.amount), ("balance", balance.amount)]
        case .spendCapReached(let cap, let spent):
            self.init(
                402, "spend_cap_reached", "This key may spend \(cap) credits in all and has spent \(spent).",
                suggestion: "Ask for a key with a higher cap, or use another key of the account.")
            extras = [("cap", cap.amount), ("spent", spent.amount)]
        case .rateLimited(let verdict, let what):
            self.init(
                429, "rate_limited",
                "Rate limit exceeded: \(verdict.limit) \(what) a minute. Wait \(verdict.retryAfter) s and retry.",
                headers: verdict.headers)
            headers.add("Retry-After", String(verdict.retryAfter))
        case .tooManyTasks(let limit):
            self.init(
                429, "too_many_tasks", "This account already has \(limit) unfinished tasks, its limit.",
                suggestion: "Wait for some to end, or cancel some.", headers: ["Retry-After": "5"])
        case .tooManyWaiting(let limit):
            self.init(
                429, "too_many_waiting", "This account already holds \(limit) long polls and event streams, its limit.",
                headers: ["Retry-After": "5"])
        default: self.init(.broken("\(refusal) is no limit"))
        }
    }

    private init(store error: StoreError) {
        switch error {
        case .paidWritesPaused(let reason):
            self.init(
                503, "paused", "The gateway takes no paid work at the moment; nothing was charged.",
                headers: ["Retry-After": "30"])
            forTheLog = reason
        case .diskFull: self.init(.noRoom)
        case .outcomeUnknown(let why):
            self.init(
                503, "outcome_unknown", "The storage failed at a moment when the outcome is not known.",
                suggestion: "Retry with the same Idempotency-Key: it cannot be charged twice.",
                headers: ["Retry-After": "5"])
            forTheLog = why
        case .closed: self.init(503, "shutting_down", "The gateway is stopping.", headers: ["Retry-After": "5"])
        case .overloaded:
            self.init(
                503, "overloaded", "Too much is waiting to be written; nothing was charged.",
                headers: ["Retry-After": "1"])
        case .notFound: self.init(.notFound("such thing"))
        case .alreadyExists(let what): self.init(409, "already_exists", "There is \(what) already.")
        case .refused(let why): self.init(409, "refused", why)
        case .broken(let why): self.init(.broken(why))
        }
    }
}
