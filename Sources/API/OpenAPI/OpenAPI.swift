import Domain
import HTTP
import JSON
import Store

/// The document that describes this gateway (OpenAPI 3.1), written from the route table, the parameters and the
/// errors themselves, so that it cannot say what they do not.
struct OpenAPI {
    let publicURL: String
    let settings: API.Settings
    let around: Surroundings

    func bytes(for endpoints: [Endpoint]) -> [UInt8] {
        var json = JSONWriter(reserving: 1 << 16)
        json.object { json in
            json.member("openapi", "3.1.0")
            json.object("info") {
                $0.member("title", "trellis-gateway")
                $0.member("version", settings.version)
                $0.member("summary", "Image-to-3D with TRELLIS.2, from whichever provider can do it.")
                $0.member("description", Self.words)
            }
            json.array("servers") { $0.object { $0.member("url", publicURL) } }
            json.array("security") { $0.object { $0.array("key") { _ in } } }
            json.object("paths") { json in
                for pattern in Router(endpoints).patterns {
                    json.object(Self.path(pattern)) { json in
                        for endpoint in endpoints where endpoint.pattern == pattern {
                            json.object(endpoint.method.name.lowercased()) { write(endpoint, to: &$0) }
                        }
                    }
                }
            }
            json.object("components") { json in
                json.object("securitySchemes") { json in
                    json.object("key") {
                        $0.member("type", "http")
                        $0.member("scheme", "bearer")
                        $0.member("description", "An API key of the gateway.")
                    }
                }
                json.object("schemas") { json in
                    json.object("GenerationRequest") { GenerationSchema(self).write(to: &$0) }
                    for schema in Schemas.texts {
                        json.key(schema.name)
                        json.raw(schema.text)
                    }
                }
                json.object("responses") { json in
                    for refusal in Self.examples { write(refusal, to: &json) }
                }
            }
        }
        return json.bytes
    }

    private static let words = """
        Send one kind of request, in the style of 3D AI Studio's API: a client of that API works here with only the \
        base URL and the key changed. Paths work with and without the slash at the end. Every answer carries \
        X-Request-Id; every error has the same shape.
        """

    /// The seed's own routes are written as its clients call them, with the slash.
    static func path(_ pattern: String) -> String {
        let isOurs = ["/v1/assets", "/v1/inputs", "/v1/callbacks"].contains { pattern.hasPrefix($0) }
        let isTheirs = ["/v1/", "/account/", "/user/"].contains { pattern.hasPrefix($0) }
        return isTheirs && !isOurs ? pattern + "/" : pattern
    }

    // MARK: One endpoint

    private func write(_ endpoint: Endpoint, to json: inout JSONWriter) {
        let operation = endpoint.operation
        json.member("operationId", operation.id)
        json.array("tags") { $0.string(operation.tag) }
        json.member("summary", operation.summary)
        if !operation.words.isEmpty { json.member("description", operation.words) }
        if endpoint.access == .open { json.array("security") { _ in } }
        let names = Self.parameterNames(endpoint.pattern)
        if !names.isEmpty || !operation.query.isEmpty || !operation.headers.isEmpty {
            json.array("parameters") { json in
                for name in names { write(Self.pathItem(name), in: "path", to: &json) }
                for item in operation.query { write(item, in: "query", to: &json) }
                for item in operation.headers { write(item, in: "header", to: &json) }
            }
        }
        if let request = operation.request {
            json.object("requestBody") { json in
                json.member("required", !Self.bodyIsOptional(operation))
                json.object("content") { $0.object("application/json") { Self.schema(request, to: &$0) } }
            }
        }
        json.object("responses") { json in
            for success in operation.success { write(success, to: &json) }
            let answered = Set(operation.success.map(\.status))
            for status in Self.errors(of: endpoint).subtracting(answered).sorted() {
                json.object(String(status)) { $0.member("$ref", "#/components/responses/Error\(status)") }
            }
        }
    }

    private static func bodyIsOptional(_ operation: Operation) -> Bool {
        ["NewKey", "Rotation", "SecretRotation"].contains(operation.request)
    }

    private func write(_ item: Operation.Item, in place: String, to json: inout JSONWriter) {
        json.object {
            $0.member("name", item.name)
            $0.member("in", place)
            if place == "path" { $0.member("required", true) }
            $0.member("description", item.words)
            $0.key("schema")
            $0.raw(item.schema)
        }
    }

    private func write(_ success: Operation.Success, to json: inout JSONWriter) {
        json.object(String(success.status)) { json in
            json.member("description", success.words)
            if !success.headers.isEmpty {
                json.object("headers") { json in
                    for header in success.headers {
                        json.object(header.name) {
                            $0.member("description", header.words)
                            $0.key("schema")
                            $0.raw(header.schema)
                        }
                    }
                }
            }
            guard let type = success.contentType, let schema = success.schema else { return }
            json.object("content") { $0.object(type) { Self.schema(schema, to: &$0) } }
        }
    }

    private static func schema(_ schema: String, to json: inout JSONWriter) {
        json.key("schema")
        if schema.hasPrefix("{") {
            json.raw(schema)
        } else {
            json.object { $0.member("$ref", "#/components/schemas/\(schema)") }
        }
    }

    // MARK: Paths

    static func parameterNames(_ pattern: String) -> [String] {
        pattern.split(separator: "/").filter { $0.hasPrefix("{") }.map { String($0.dropFirst().dropLast()) }
    }

    private static func pathItem(_ name: String) -> Operation.Item {
        switch name {
        case "id": .init("id", #"{"type":"string","format":"uuid"}"#, "The task's id.")
        case "key": .init("key", #"{"type":"string","format":"uuid"}"#, "The key's id.")
        case "account": .init("account", #"{"type":"string","minLength":1}"#, "The account's id or name.")
        case "provider": .init("provider", #"{"type":"string","minLength":1}"#, "The provider's id.")
        case "token": .init("token", #"{"type":"string","minLength":1}"#, "The attempt's token.")
        default: .init(name, #"{"type":"string","minLength":1}"#, "As a status answer gives it.")
        }
    }

    // MARK: Errors

    /// Which refusals an endpoint can answer with, from what it is.
    static func errors(of endpoint: Endpoint) -> Set<Int> {
        // What the server itself may say to any request, and what may befall any of us.
        var statuses: Set<Int> = [400, 404, 405, 408, 413, 414, 429, 431, 500, 503]
        if endpoint.access != .open { statuses.formUnion([401, 403]) }
        if endpoint.body == .json || endpoint.body == .picture { statuses.insert(415) }
        return statuses.union(endpoint.operation.errors)
    }

    /// One refusal a status, as its example.
    private static let examples: [Refusal] = [
        .invalid([
            FieldFault(
                "texture_size", "texture_size must be one of 1024, 2048, 4096; got 777.", value: 777,
                allowed: [1024, 2048, 4096])
        ]),
        .unknownKey, .insufficientCredits(required: 32, balance: 10), .wrongScope(has: .read, needs: [.user]),
        .notFound("task"), .methodNotAllowed(allow: "GET, HEAD, OPTIONS"),
        .framing(408, code: "request_timeout", message: "The request's body arrived too slowly."),
        .conflict(code: "too_late", message: "The task has already ended: it is finished."),
        .gone("This file is no longer kept."),
        .otherVersion(["ETag": "\"9f86d081\"", "Accept-Ranges": "bytes"]),
        .noSuchPart(["ETag": "\"9f86d081\"", "Accept-Ranges": "bytes", "Content-Range": "bytes */4194304"]),
        .bodyTooLarge(limit: 33_554_432),
        .framing(414, code: "uri_too_long", message: "The request line is longer than the limit of 8192 bytes."),
        .wrongContentType("text/plain"), .idempotencyMismatch,
        .rateLimited(.init(isAllowed: false, limit: 600, remaining: 0, retryAfter: 1), what: "requests"),
        .framing(431, code: "headers_too_large", message: "The header fields are more than the limit of 100."),
        .broken(""),
        .unavailable("The gateway is stopping."),
    ]

    private func write(_ refusal: Refusal, to json: inout JSONWriter) {
        let error = ErrorBody(refusal)
        json.object("Error\(error.status.code)") { json in
            json.member("description", "\(error.status.reason)")
            if !error.headers.isEmpty {
                json.object("headers") { json in
                    for (name, value) in error.headers {
                        json.object(name) { json in
                            json.object("schema") {
                                $0.member("type", Int(value) == nil ? "string" : "integer")
                            }
                        }
                    }
                }
            }
            json.object("content") { json in
                json.object("application/json") { json in
                    json.object("schema") { $0.member("$ref", "#/components/schemas/Error") }
                    json.key("example")
                    json.raw(utf8: error.bytes(for: .given("0b1c2d3e4f")))
                }
            }
        }
    }
}
