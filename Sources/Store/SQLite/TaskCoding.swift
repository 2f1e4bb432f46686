import Domain
import JSON

// What a row keeps as JSON: values that are only ever read whole, together with their task. Names as in the API,
// durations in milliseconds.

extension GenerationRequest {
    func encoded() -> [UInt8] {
        var json = JSONWriter(reserving: 512)
        json.object {
            switch picture {
            case .url(let url): $0.member("image_url", url)
            case .kept(let picture):
                $0.object("picture") {
                    $0.member("sha256", picture.sha256)
                    $0.member("format", picture.format.rawValue)
                    $0.member("bytes", picture.byteCount)
                    $0.member("width", picture.width)
                    $0.member("height", picture.height)
                }
            }
            $0.object("parameters") {
                for parameter in Parameter.allCases {
                    guard let value = parameters.given[parameter] else { continue }
                    $0.key(parameter.rawValue)
                    switch value {
                    case .integer(let number): $0.integer(number)
                    // Always written with a fraction or an exponent, so that it is read as a number again.
                    case .number(let number): $0.number(number)
                    case .flag(let flag): $0.bool(flag)
                    case .word(let word): $0.string(word)
                    }
                }
            }
            if case .only(let providers) = choice {
                $0.array("providers") { for provider in providers { $0.string(provider.rawValue) } }
            }
            $0.member("fallback", fallback)
            $0.member("on_unsupported", onUnsupported.rawValue)
            if let webhookURL { $0.member("webhook_url", webhookURL) }
            if let uploadURL { $0.member("upload_url", uploadURL) }
            $0.member("response_format", responseFormat.rawValue)
            if let ttl { $0.member("ttl", ttl.wholeMilliseconds) }
            $0.member("include_cost", includeCost)
            if !metadata.isEmpty {
                $0.object("metadata") { for (name, value) in metadata.sorted(by: <) { $0.member(name, value) } }
            }
            $0.member("priority", priority.rawValue)
            if let cancelAfter { $0.member("cancel_after", cancelAfter.wholeMilliseconds) }
            if let startWithin { $0.member("start_within", startWithin.wholeMilliseconds) }
            if let trace { $0.key("trace"); trace.write(to: &$0) }
        }
        return json.bytes
    }

    init(encoded bytes: [UInt8]) throws {
        let json = try JSONValue.stored(bytes)
        let picture: PictureSource
        if let kept = json["picture"] {
            guard let sha256 = kept["sha256"]?.string, let bytes = kept["bytes"]?.integer,
                let format = kept["format"]?.string.flatMap(KeptPicture.Format.init),
                let width = kept["width"]?.integer,
                let height = kept["height"]?.integer
            else { throw StoreError.broken("a request's picture is not whole") }
            picture = .kept(
                KeptPicture(sha256: sha256, format: format, byteCount: bytes, width: Int(width), height: Int(height)))
        } else {
            picture = .url(json["image_url"]?.string ?? "")
        }
        var given: [Parameter: ParameterValue] = [:]
        for member in json["parameters"]?.object?.members ?? [] {
            // A parameter that a newer gateway wrote and this one does not know is left out, not fatal.
            guard let parameter = Parameter(rawValue: member.name) else { continue }
            switch member.value {
            case .integer(let number): given[parameter] = .integer(number)
            case .decimal(let number): given[parameter] = .number(number.double)
            case .bool(let flag): given[parameter] = .flag(flag)
            case .string(let word): given[parameter] = .word(word)
            default: throw StoreError.broken("a request's \(member.name) is \(member.value.kind)")
            }
        }
        func milliseconds(_ name: String) -> Duration? { json[name]?.integer.map { .milliseconds($0) } }
        self.init(
            picture: picture, parameters: Parameters(given),
            choice: json["providers"]?.array.map { .only($0.compactMap(\.string).map { ProviderID($0) }) } ?? .auto,
            fallback: json["fallback"]?.bool ?? true,
            onUnsupported: json["on_unsupported"]?.string.flatMap(OnUnsupported.init) ?? .refuse,
            webhookURL: json["webhook_url"]?.string, uploadURL: json["upload_url"]?.string,
            responseFormat: json["response_format"]?.string.flatMap(ResponseFormat.init) ?? .url,
            ttl: milliseconds("ttl"), includeCost: json["include_cost"]?.bool ?? false,
            metadata: Dictionary(stored: json["metadata"]),
            priority: json["priority"]?.string.flatMap(Priority.init) ?? .normal,
            cancelAfter: milliseconds("cancel_after"), startWithin: milliseconds("start_within"))
        trace = json["trace"].flatMap(Trace.init(stored:))
    }
}

extension Trace {
    fileprivate func write(to json: inout JSONWriter) {
        json.object {
            $0.member("id", id)
            $0.member("flags", flags)
            $0.member("state", state)
            $0.member("request", request)
        }
    }

    init?(stored json: JSONValue) {
        guard let id = json["id"]?.string, let flags = json["flags"]?.string, let request = json["request"]?.string
        else {
            return nil
        }
        self.init(id: id, flags: flags, state: json["state"]?.string, request: request)
    }
}

extension [Adjustment] {
    /// nil when there are none.
    func encoded() -> [UInt8]? {
        guard !isEmpty else { return nil }
        var json = JSONWriter()
        json.array {
            for adjustment in self {
                $0.object {
                    $0.member("parameter", adjustment.parameter)
                    $0.member("from", adjustment.from)
                    $0.member("to", adjustment.to)
                    $0.member("reason", adjustment.reason)
                }
            }
        }
        return json.bytes
    }

    init(encoded bytes: [UInt8]?) throws {
        self =
            try bytes.map(JSONValue.stored)?.array?.map { json in
                Adjustment(
                    parameter: json["parameter"]?.string ?? "", from: json["from"]?.string, to: json["to"]?.string,
                    reason: json["reason"]?.string ?? "")
            } ?? []
    }
}

extension Evidence {
    func encoded() -> [UInt8] {
        var json = JSONWriter()
        write(into: &json)
        return json.bytes
    }

    func write(into json: inout JSONWriter) {
        json.object {
            $0.member("fault", fault)
            $0.member("message", message)
            if let status { $0.member("status", status) }
            if let excerpt { $0.member("excerpt", excerpt) }
        }
    }

    init(encoded bytes: [UInt8]) throws {
        let json = try JSONValue.stored(bytes)
        self.init(
            fault: json["fault"]?.string ?? "", message: json["message"]?.string ?? "",
            status: json["status"]?.integer.map(Int.init), excerpt: json["excerpt"]?.string)
    }
}

extension [String: String] {
    func encoded() -> [UInt8]? {
        guard !isEmpty else { return nil }
        var json = JSONWriter()
        json.object { for (name, value) in sorted(by: <) { $0.member(name, value) } }
        return json.bytes
    }

    init(stored json: JSONValue?) {
        self = Dictionary(
            (json?.object?.members ?? []).compactMap { member in member.value.string.map { (member.name, $0) } },
            uniquingKeysWith: { first, _ in first })
    }
}

extension [ProviderID] {
    func encoded() -> [UInt8]? { isEmpty ? nil : listed() }

    func listed() -> [UInt8] {
        var json = JSONWriter(reserving: 64)
        json.array { for provider in self { $0.string(provider.rawValue) } }
        return json.bytes
    }

    init(encoded bytes: [UInt8]) throws {
        self = try JSONValue.stored(bytes).array?.compactMap(\.string).map { ProviderID($0) } ?? []
    }
}

extension JSONValue {
    /// JSON that this store wrote.
    static func stored(_ bytes: [UInt8]) throws -> JSONValue {
        do { return try JSONReader.value(of: bytes) } catch { throw StoreError.broken("stored JSON: \(error)") }
    }
}
