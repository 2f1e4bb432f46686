import Domain
import HTTP
import JSON

/// A provider's reply as its reader sees it: parsed once, within limits, with what it may not repeat.
struct Answer: Sendable {
    let reply: HTTPReply
    let provider: Provider
    let settings: ProviderSettings
    /// nil when the body is no JSON.
    let json: JSONValue?
    private let complaint: JSONError?
    private let redaction: Redaction

    init(_ reply: HTTPReply, _ provider: Provider, _ settings: ProviderSettings, secrets: [String] = []) {
        self.reply = reply
        self.provider = provider
        self.settings = settings
        redaction = Redaction([settings.key?.revealed].compactMap { $0 } + secrets)
        var limits = JSONLimits.tolerant
        limits.bytes = provider.limits.replyBytes
        // No provider nests deeper than ten or answers with more than some hundreds of values.
        limits.depth = 32
        limits.values = 20_000
        do throws(JSONError) {
            (json, complaint) = (try JSONReader.value(of: reply.body, limits: limits), nil)
        } catch {
            (json, complaint) = (nil, error)
        }
    }

    var status: Int { Int(reply.status.code) }
    var isSuccess: Bool { reply.status.isSuccess }

    subscript(_ name: String) -> JSONValue? { json?[name] }

    /// A fault with what was answered beside it.
    func fault(_ kind: Fault.Kind, _ message: String) -> Fault {
        Fault(kind, redaction.message(message), status: status, excerpt: redaction.excerpt(reply.body))
    }

    /// Why this answer cannot be understood, or makes no sense.
    func garbled(_ what: String) -> Fault {
        if let complaint { return fault(.garbled, "\(what): the answer is no JSON: \(complaint)") }
        return fault(.garbled, what)
    }

    /// The fault that the answer as a whole tells of, by the provider's words, else by the status.
    var refusal: Fault { fault(json, status: status) }

    /// The fault that `value`, a part of the answer, tells of.
    func fault(_ value: JSONValue?, status: Int, otherwise: Fault.Kind? = nil) -> Fault {
        let said = Complaint(value, headers: reply.headers)
        let words = said.codes.map { $0.lowercased() }
        let text = said.text?.lowercased() ?? ""
        var kind = Fault.Kind(status: status, retryAfter: retryAfter)
        if status < 400 { kind = otherwise ?? .garbled }
        if let rule = provider.faults.first(where: { $0.applies(to: words, saying: text) }) {
            // "Invalid request" is said of anything: it never overrules a status that says more.
            switch (rule.kind, kind) {
            case (.invalidInput, .credentials), (.invalidInput, .outOfBalance), (.invalidInput, .notFound),
                (.invalidInput, .busy), (.invalidInput, .serverError):
                break
            default: kind = rule.kind
            }
        }
        switch kind {
        case .busy: kind = .busy(retryAfter: retryAfter)
        case .invalidInput: kind = .invalidInput(said.fields.lazy.compactMap(provider.parameter(named:)).first)
        default: break
        }
        return fault(kind, said.text ?? unexplained(status))
    }

    /// What to tell of an answer that explains nothing.
    private func unexplained(_ status: Int) -> String {
        let type = reply.headers["Content-Type"]?.lowercased() ?? ""
        if json == nil, type.hasPrefix("text/plain"), !reply.body.isEmpty {
            return String(decoding: reply.body.prefix(200), as: UTF8.self)
        }
        let what = json != nil || reply.body.isEmpty ? "and did not say why" : "with something that is no JSON"
        return "\(provider.name) answered \(status) \(what)"
    }

    /// `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), an hour at most. A date counts from the answer's own
    /// `Date`, so that nobody's clock matters.
    var retryAfter: Duration? {
        guard let text = reply.headers["Retry-After"] else { return nil }
        let longest = Int64(3600)
        if let seconds = Double(text), seconds >= 0, seconds.isFinite {
            return .milliseconds(Int64(min(seconds, Double(longest)) * 1000))
        }
        guard let then = Timestamp.fromHTTPDate(text), let now = reply.headers["Date"].flatMap(Timestamp.fromHTTPDate)
        else { return nil }
        return .milliseconds(min(max(0, then - now), longest * 1000))
    }
}

/// What an error body says, in any of the shapes seen so far. Whatever is not there is left out.
struct Complaint: Sendable {
    /// Words for programs: `image_load_error`.
    var codes: [String] = []
    /// Names of fields in question, as the provider has them.
    var fields: [String] = []
    /// Words for people.
    var text: String?

    init(_ value: JSONValue?, headers: Headers) {
        if let type = headers["X-Fal-Error-Type"] { codes.append(type) }
        guard let value else { return }
        read(value)
        for name in ["error", "errors", "detail"] {
            guard let inner = value[name] else { continue }
            if let first = inner[0] { read(first) } else { read(inner) }
        }
        text = Self.text(value)
    }

    private mutating func read(_ value: JSONValue) {
        for name in ["error_code", "code", "error_type", "type", "error"] {
            if let word = value[name]?.string { codes.append(word) }
        }
        for name in ["param", "parameter", "field"] {
            if let field = value[name]?.string { fields.append(field) }
            for item in value[name]?.array ?? [] { if let field = item.string { fields.append(field) } }
        }
        // pydantic's: ["body", "settings", "x"].
        if let place = value["loc"]?.array {
            fields.append(
                place.dropFirst().compactMap { $0.string ?? $0.integer.map { String($0) } }.joined(separator: "."))
        }
    }

    private static func text(_ value: JSONValue) -> String? {
        if let text = value["failure_reason"]?.string, !text.isEmpty { return text }
        if let text = value["detail"]?.string, !text.isEmpty { return text }
        if let items = value["detail"]?.array, !items.isEmpty {
            return items.prefix(5).map { item in
                let place = (item["loc"]?.array ?? []).compactMap { $0.string }.joined(separator: ".")
                let said = item["msg"]?.string ?? item.string ?? item.description
                return place.isEmpty ? said : "\(place): \(said)"
            }.joined(separator: "; ")
        }
        for path in [["error", "message"], ["message"], ["error"], ["errors"], ["payload_error"]] {
            var found: JSONValue? = value
            for name in path { found = found?[name] }
            if let text = found?.string, !text.isEmpty { return text }
            if let text = found?[0]?["message"]?.string, !text.isEmpty { return text }
        }
        return nil
    }
}

extension Provider {
    /// The parameter that the provider knows as `field`.
    func parameter(named field: String) -> Parameter? {
        switch picture {
        case .addressOnly(let name) where name == field: return .imageURL
        case .addressOrData(let address, let data) where address == field || data == field: return .image
        default: break
        }
        for row in rows {
            if case .sent(let path, _, _) = row.rule, path == field { return row.parameter }
        }
        return Parameter(rawValue: field)
    }
}
