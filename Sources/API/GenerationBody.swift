import Domain
import HTTP
import JSON

/// The body of a submit or a quote, read and checked: everything but the picture's own bytes.
struct GenerationBody {
    enum Picture {
        case url(String)
        /// Base64 or a data URI, still where it lies in the body.
        case encoded(JSONSlice)
    }

    var picture: Picture
    /// Complete but for its picture, which is yet to be decoded and kept.
    var request: GenerationRequest
    /// What was left out of account, and said so.
    var adjustments: [Adjustment]

    /// What submits may say beyond the model's own parameters.
    static let extensions = [
        "provider", "fallback", "on_unsupported", "webhook_url", "upload_url", "response_format", "ttl",
        "include_cost", "metadata", "priority", "cancel_after", "start_within",
    ]

    /// Fields that published clients of 3D AI Studio send although its API has none of them: left out, and named
    /// in `adjustments`. Every other unknown field is refused.
    static let foreign = [
        "enable_pbr": "Not a field of this API and left out; textures: true makes PBR materials.",
        "model": "Not a field of this API and left out; the path names the model.",
        "prompt": "Not a field of this API and left out; the picture alone is used.",
    ]

    static let names = Parameter.allCases.map(\.rawValue) + extensions

    /// Where everything that a body is checked against comes from.
    struct Rules {
        let settings: API.Settings
        /// Asked for only when a request names some.
        let providers: () -> [ProviderID]
        /// Why an address would never be called.
        let objection: (String) -> String?
    }

    init(_ call: borrowing Call, _ rules: Rules) throws(Refusal) {
        var fields = try Fields(call.request.body)
        adjustments = Self.leaveOutForeign(&fields)
        Self.refuseUnknown(&fields)
        let picture = Self.picture(&fields, rules)
        let parameters = Self.parameters(&fields)
        adjustments += Self.idle(in: parameters)
        let choice = Self.choice(&fields, rules)
        let limit = Int64(rules.settings.taskDeadline.inSeconds)
        let longest = Int64(rules.settings.longestTTL.inSeconds)
        request = GenerationRequest(picture: .url(""), parameters: parameters, choice: choice)
        request.fallback = fields.flag("fallback") ?? (choice.isOne ? false : rules.settings.fallback)
        request.onUnsupported = fields.word("on_unsupported", GenerationRequest.OnUnsupported.self) ?? .refuse
        request.responseFormat = fields.word("response_format", GenerationRequest.ResponseFormat.self) ?? .url
        request.priority = fields.word("priority", GenerationRequest.Priority.self) ?? .normal
        request.includeCost = fields.flag("include_cost") ?? false
        request.ttl = fields.integer("ttl", 60...max(60, longest)).map { .seconds($0) }
        request.cancelAfter = fields.integer("cancel_after", 1...max(1, limit)).map { .seconds($0) }
        request.startWithin = fields.integer("start_within", 1...max(1, limit)).map { .seconds($0) }
        request.webhookURL = Self.webhook(&fields, call.request.headers.all("X-Webhook-URL"), rules)
        request.uploadURL = Self.address("upload_url", &fields, rules)
        request.metadata = Self.metadata(&fields)
        try fields.check()
        guard let picture else { throw .broken("a body without a picture passed its checks") }
        self.picture = picture
    }

    // MARK: Names

    private static func leaveOutForeign(_ fields: inout Fields) -> [Adjustment] {
        var adjustments: [Adjustment] = []
        for (name, reason) in foreign.sorted(by: { $0.key < $1.key }) where fields.has(name) {
            fields.drop(name)
            adjustments.append(Adjustment(parameter: name, from: nil, to: nil, reason: reason))
        }
        return adjustments
    }

    private static func refuseUnknown(_ fields: inout Fields) {
        var unknown = 0
        for name in fields.names where !names.contains(name) {
            unknown += 1
            let shown = String(String.UnicodeScalarView(name.unicodeScalars.prefix(64)))
            // To look for a name among all others takes time, and nobody mistypes more than a few.
            let nearest = unknown <= 8 ? Spelling.nearest(to: name, of: names) : nil
            fields.fault(
                FieldFault(
                    shown, "\(shown) is not a field of this API.",
                    suggestion: nearest.map { "Did you mean \($0)?" } ?? "The fields are listed at /docs."))
        }
    }

    // MARK: The picture

    private static func picture(_ fields: inout Fields, _ rules: Rules) -> Picture? {
        let image = fields.slice("image")
        let hasAddress = fields.has("image_url")
        guard image == nil || !hasAddress else {
            fields.fault(FieldFault("image", "Give image or image_url, not both."))
            return nil
        }
        if let image {
            guard image.kind == .string else {
                fields.fault(
                    FieldFault("image", "image must be a string: a data URI, base64 or an address; got \(image.kind)."))
                return nil
            }
            // Published clients put an address here too.
            guard looksLikeAddress(image) else { return .encoded(image) }
            return address("image", &fields, rules).map { .url($0) }
        }
        guard hasAddress else {
            fields.fault(
                FieldFault(
                    "image", "No picture: give image (a data URI or base64) or image_url (its address).",
                    suggestion: "Add image_url or image."))
            return nil
        }
        return address("image_url", &fields, rules).map { .url($0) }
    }

    private static func looksLikeAddress(_ slice: JSONSlice) -> Bool {
        let start = slice.bytes[slice.range].dropFirst().prefix(8).map { $0 | 0x20 }
        return start.starts(with: "http://".utf8) || start.starts(with: "https://".utf8)
            || start.starts(with: "http:\\".utf8.map { $0 | 0x20 })
            || start.starts(with: "https:\\".utf8.map { $0 | 0x20 })
    }

    /// An address that the egress rules would let us call: they know which schemes are taken here, so they speak first.
    private static func address(_ name: String, _ fields: inout Fields, _ rules: Rules) -> String? {
        guard let text = fields.text(name, lengths: 1...8192) else { return nil }
        guard let why = rules.objection(text) ?? Address.objection(to: text) else { return text }
        fields.fault(FieldFault(name, "\(name) \(why)", value: .string(text)))
        return nil
    }

    private static func webhook(_ fields: inout Fields, _ headers: [String], _ rules: Rules) -> String? {
        let inBody = address("webhook_url", &fields, rules)
        guard let header = headers.first else { return inBody }
        if headers.count > 1 || (inBody ?? header) != header {
            fields.fault(FieldFault("webhook_url", "Give one webhook address: the field or the header X-Webhook-URL."))
        } else if let why = rules.objection(header) ?? Address.objection(to: header) {
            fields.fault(FieldFault("X-Webhook-URL", "X-Webhook-URL \(why)", value: .string(header)))
        }
        return header
    }

    // MARK: Parameters

    private static func parameters(_ fields: inout Fields) -> Parameters {
        var given: [Parameter: ParameterValue] = [:]
        for parameter in Parameter.allCases {
            let name = parameter.rawValue
            switch parameter.kind {
            case .picture: continue
            case .choice(let choices): given[parameter] = fields.choice(name, choices).map { .integer($0) }
            case .word(let words): given[parameter] = fields.word(name, of: words).map { .word($0) }
            case .integer(let range): given[parameter] = fields.integer(name, range).map { .integer($0) }
            case .number(let range): given[parameter] = fields.number(name, range).map { .number($0) }
            case .flag: given[parameter] = fields.flag(name).map { .flag($0) }
            }
        }
        reconcilePipeline(&given, &fields)
        let parameters = Parameters(given)
        for (start, end) in Parameter.intervals where given[start] != nil || given[end] != nil {
            guard let low = parameters[start], let high = parameters[end], case .number(let from) = low,
                case .number(let to) = high, from > to
            else { continue }
            fields.fault(
                FieldFault(end.rawValue, "\(end.rawValue) (\(high)) must not be below \(start.rawValue) (\(low))."))
        }
        return parameters
    }

    /// What was asked for and makes no difference, said: whoever sends a size for textures may believe to get some.
    private static func idle(in parameters: Parameters) -> [Adjustment] {
        func isIdle(_ parameter: Parameter) -> Bool { parameter.matteredBy.map { !parameters.flag($0) } ?? false }
        guard parameters.given.keys.contains(where: isIdle) else { return [] }
        return Parameter.allCases.compactMap { parameter in
            guard let flag = parameter.matteredBy, isIdle(parameter), let value = parameters.given[parameter] else {
                return nil
            }
            return Adjustment(
                parameter: parameter.rawValue, from: value.description, to: nil,
                reason: "Makes no difference without \(flag.rawValue): true.")
        }
    }

    /// `pipeline_type` and `resolution` say the same thing twice: one implies the other, and they must agree, for
    /// the price goes by the resolution.
    private static func reconcilePipeline(_ given: inout [Parameter: ParameterValue], _ fields: inout Fields) {
        guard case .word(let pipeline)? = given[.pipelineType],
            let implied = Int64(pipeline.prefix { $0 != "_" })
        else { return }
        guard let resolution = given[.resolution] else {
            if !fields.has("resolution") { given[.resolution] = .integer(implied) }
            return
        }
        guard resolution != .integer(implied) else { return }
        fields.fault(
            FieldFault(
                "pipeline_type", "pipeline_type \"\(pipeline)\" contradicts resolution \(resolution).",
                value: .string(pipeline), suggestion: "Leave one of them out."))
    }

    // MARK: The gateway's own fields

    private static func choice(_ fields: inout Fields, _ rules: Rules) -> ProviderChoice {
        guard let value = fields.value("provider") else { return .auto }
        let names: [String]
        switch value {
        case .string("auto"): return .auto
        case .string(let name): names = [name]
        case .array(let items) where !items.isEmpty && items.count <= 16 && items.allSatisfy({ $0.string != nil }):
            names = items.compactMap(\.string)
        default:
            let got = FieldFault.shown(value)
            fields.fault(
                FieldFault(
                    "provider", "provider must be \"auto\", a provider's id or a list of 1 to 16 ids; got \(got).",
                    value: value, allowed: .array(rules.providers().map { .string($0.rawValue) })))
            return .auto
        }
        let known = rules.providers().map(\.rawValue)
        if names.contains("auto") {
            fields.fault(
                FieldFault(
                    "provider", "\"auto\" stands alone in provider, and not in a list: it means all there are.",
                    value: "auto", allowed: .array(known.map { .string($0) }),
                    suggestion: "Send \"provider\": \"auto\", or a list of ids only."))
        }
        for name in names where name != "auto" && !known.contains(name) {
            fields.fault(.noProvider(name, in: "provider", among: ["auto"] + known))
        }
        var seen: [ProviderID] = []
        for name in names where !seen.contains(ProviderID(name)) { seen.append(ProviderID(name)) }
        return .only(seen)
    }

    /// Small enough to be echoed in every status, list and webhook.
    private static func metadata(_ fields: inout Fields) -> [String: String] {
        guard let value = fields.value("metadata") else { return [:] }
        let wants = "metadata must be an object of at most 16 strings (names up to 64 characters, values up to 512)"
        guard let object = value.object else {
            fields.fault(FieldFault("metadata", "\(wants); got \(value.kind).", value: value))
            return [:]
        }
        guard object.count <= 16 else {
            fields.fault(FieldFault("metadata", "\(wants); got \(object.count) pairs."))
            return [:]
        }
        var pairs: [String: String] = [:]
        for member in object.members {
            let path = "metadata.\(member.name.prefix(64))"
            guard (1...64).contains(member.name.unicodeScalars.count) else {
                fields.fault(FieldFault(path, "A name in metadata must be 1 to 64 characters long."))
                continue
            }
            guard let text = member.value.string, text.unicodeScalars.count <= 512 else {
                let count = member.value.string.map { "\($0.unicodeScalars.count) of them" }
                let got = count ?? FieldFault.shown(member.value)
                fields.fault(
                    FieldFault(
                        path, "\(path) must be a string of at most 512 characters; got \(got).", value: member.value))
                continue
            }
            pairs[member.name] = text
        }
        return pairs
    }
}

extension ProviderChoice {
    fileprivate var isOne: Bool {
        if case .only(let providers) = self { providers.count == 1 } else { false }
    }
}

/// What can be said of an address by its text alone. Where it really leads is judged when it is called.
enum Address {
    static func objection(to text: String) -> String? {
        let bytes = Array(text.utf8)
        let lower = bytes.prefix(8).map { $0 | 0x20 }
        let scheme = lower.starts(with: "https://".utf8) ? 8 : lower.starts(with: "http://".utf8) ? 7 : 0
        guard scheme > 0 else { return "must be an absolute http(s) address." }
        guard bytes.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
            return "must not hold spaces or control characters; percent-encode them."
        }
        let authority = bytes[scheme...].prefix {
            $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#")
        }
        guard !authority.isEmpty, authority.first != UInt8(ascii: ":") else { return "names no host." }
        guard !authority.contains(UInt8(ascii: "@")) else { return "must not carry a user name or password." }
        return nil
    }
}
