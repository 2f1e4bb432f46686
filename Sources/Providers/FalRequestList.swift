import Domain
import HTTP
import JSON

/// fal's platform API beside its queue: the list of our requests settles a submit whose answer was lost. (The account's
/// balance is there too, but only for admin keys: a good key would look like a bad one.)
enum FalRequestList {
    private static func base(_ settings: ProviderSettings) -> String {
        settings.base("https://api.fal.ai", beside: Provider.fal.baseURL)
    }

    static func ask(_ window: ReconcileWindow, _ settings: ProviderSettings) -> OutgoingRequest {
        let query = Query.encode([
            ("endpoint_id", "fal-ai/trellis-2"), ("start", window.from.description), ("end", window.to.description),
            ("limit", "100"), ("expand", "payloads"),
        ])
        return OutgoingRequest(
            .get, base(settings) + "/v1/models/requests/by-endpoint?" + query, headers: Provider.fal.headers(settings))
    }

    /// Ours is the one with our seed and our picture. Two of them (the same picture and seed, twice) cannot be told
    /// apart, so neither is taken. And it is absent only if every request shown is surely another: whoever takes it for
    /// absent may buy again.
    static func read(_ answer: Answer, _ job: UpstreamJob) -> Reconciliation {
        guard let items = answer["items"]?.array else { return .unclear(answer.garbled("no items in fal's list")) }
        let picture = Shown(job.picture)
        var candidates = 0
        var ours: [JSONValue] = []
        for item in items {
            let input = item["json_input"]
            let seed = input?["seed"]?.integer
            guard seed == nil || seed == job.seed else { continue }
            let likeness = picture.likeness(to: input?["image_url"]?.string)
            if likeness == .other { continue }
            candidates += 1
            // A seed that a customer chose may be on all their requests; one that was drawn is on one.
            let isEnough = likeness == .same || likeness == .hidden && job.parameters.seed == nil
            if isEnough, seed != nil, seed == job.seed { ours.append(item) }
        }
        if ours.count == 1, let id = ours[0]["request_id"]?.string, !id.isEmpty, id.utf8.count <= 200 {
            return .found(UpstreamHandle(id: id))
        }
        if candidates > 0 {
            return .unclear(answer.fault(.garbled, "a request in fal's list could be ours and is not surely so"))
        }
        // A page that is not the last leaves open what is on the others.
        if answer["has_more"]?.bool == true {
            return .unclear(answer.fault(.garbled, "fal's list is longer than one page"))
        }
        return .absent
    }

    /// Our picture as the list would show it.
    private enum Shown {
        case address(String)
        case data([UInt8])

        /// `hidden`: our bytes may stand behind the address that is shown. `unsure`: an address that is not ours, but
        /// fal may have written ours anew; or nothing at all.
        enum Likeness { case same, other, hidden, unsure }

        init(_ picture: UpstreamPicture) {
            switch picture {
            case .url(let url): self = .address(url)
            case .bytes(let bytes, let type):
                self = .data(Array("data:\(type);base64,".utf8) + Base64.encodedBytes(bytes))
            }
        }

        func likeness(to text: String?) -> Likeness {
            guard let text else { return .unsure }
            let isData = text.hasPrefix("data:")
            switch self {
            case .address(let url): return text == url ? .same : isData ? .other : .unsure
            case .data(let data): return !isData ? .hidden : text.utf8.elementsEqual(data) ? .same : .other
            }
        }
    }
}

extension JSONValue {
    /// A number or a short text, as written.
    var plain: String? {
        switch self {
        case .integer(let value): String(value)
        case .decimal(let value): value.text.utf8.count <= 40 ? value.text : nil
        case .string(let text): text.utf8.count <= 40 ? text : nil
        default: nil
        }
    }
}
