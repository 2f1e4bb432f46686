import Domain
import HTTP
import JSON
import Store

/// The header that makes a retry safe (draft-ietf-httpapi-idempotency-key-header), and what it is compared by.
enum IdempotencyHeader {
    /// The key of a request: 1 to 255 printable ASCII characters, bare or as the quoted string of a structured
    /// field; both spellings are the same key.
    static func key(in headers: Headers) throws(Refusal) -> String? {
        let given = headers.all("Idempotency-Key")
        guard let first = given.first else { return nil }
        guard given.count == 1 else {
            throw .badIdempotencyKey("Idempotency-Key must be sent once, not \(given.count) times.")
        }
        var bytes = Array(first.utf8)
        if bytes.first == UInt8(ascii: "\"") {
            guard bytes.count >= 2, bytes.last == UInt8(ascii: "\"") else {
                throw .badIdempotencyKey("Idempotency-Key begins with a quote and does not end with one.")
            }
            bytes = try unquoted(bytes[1..<(bytes.count - 1)])
        }
        guard (1...255).contains(bytes.count), bytes.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw .badIdempotencyKey("Idempotency-Key must be 1 to 255 printable ASCII characters.")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// RFC 9651 §4.2.5: a backslash may stand before a quote or a backslash, and nowhere else.
    private static func unquoted(_ content: ArraySlice<UInt8>) throws(Refusal) -> [UInt8] {
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in content {
            if isEscaped {
                guard byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else {
                    throw .badIdempotencyKey("Idempotency-Key has a backslash before something it cannot escape.")
                }
                bytes.append(byte)
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                throw .badIdempotencyKey("Idempotency-Key has a quote in its middle.")
            } else {
                bytes.append(byte)
            }
        }
        guard !isEscaped else { throw .badIdempotencyKey("Idempotency-Key ends with a backslash.") }
        return bytes
    }

    /// What two requests must share to be the same: every value in force and the picture's own bytes, however the
    /// body was spelled.
    static func canonical(_ request: GenerationRequest) -> [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object {
            switch request.picture {
            case .url(let url): $0.member("image_url", url)
            case .kept(let picture): $0.member("image", picture.sha256)
            }
            // What is as it would be unsaid may be left unsaid.
            for parameter in request.parameters.changed {
                $0.member(parameter.rawValue, request.parameters[parameter]?.description)
            }
            switch request.choice {
            case .auto: $0.member("provider", "auto")
            case .only(let ids): $0.array("provider") { for id in ids { $0.string(id.rawValue) } }
            }
            $0.member("fallback", request.fallback)
            $0.member("on_unsupported", request.onUnsupported.rawValue)
            $0.member("webhook_url", request.webhookURL)
            $0.member("upload_url", request.uploadURL)
            $0.member("response_format", request.responseFormat.rawValue)
            $0.member("ttl", request.ttl?.wholeMilliseconds)
            $0.member("include_cost", request.includeCost)
            $0.member("priority", request.priority.rawValue)
            $0.member("cancel_after", request.cancelAfter?.wholeMilliseconds)
            $0.member("start_within", request.startWithin?.wholeMilliseconds)
            $0.object("metadata") { json in
                for (name, value) in request.metadata.sorted(by: { $0.key < $1.key }) { json.member(name, value) }
            }
        }
        return json.bytes
    }

    /// Any body: members in the order of their names, and those that are null left out, for null is absent.
    static func canonical(_ value: JSONValue) -> [UInt8] {
        var json = JSONWriter(reserving: 256)
        write(value, to: &json)
        return json.bytes
    }

    private static func write(_ value: JSONValue, to json: inout JSONWriter) {
        guard let object = value.object else { return json.value(value) }
        json.object { json in
            for member in object.members.sorted(by: { $0.name < $1.name }) where member.value != .null {
                json.key(member.name)
                write(member.value, to: &json)
            }
        }
    }
}
