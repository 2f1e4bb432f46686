/// One request for a model, checked and complete: what the customer asked, in the gateway's words.
package struct GenerationRequest: Hashable, Sendable {
    package var picture: PictureSource
    package var parameters: Parameters
    package var choice: ProviderChoice
    package var fallback: Bool
    package var onUnsupported: OnUnsupported
    package var webhookURL: String?
    package var uploadURL: String?
    package var responseFormat: ResponseFormat
    package var ttl: Duration?
    package var includeCost: Bool
    package var metadata: [String: String]
    package var priority: Priority
    package var cancelAfter: Duration?
    package var startWithin: Duration?
    /// Which request asked, and as part of what; no part of what was asked.
    package var trace: Trace?

    package enum OnUnsupported: String, Sendable, CaseIterable { case refuse, adjust }
    package enum ResponseFormat: String, Sendable, CaseIterable { case url, base64 = "b64_json" }
    package enum Priority: String, Sendable, CaseIterable { case normal, low }

    package init(
        picture: PictureSource, parameters: Parameters = Parameters(), choice: ProviderChoice = .auto,
        fallback: Bool = true, onUnsupported: OnUnsupported = .refuse, webhookURL: String? = nil,
        uploadURL: String? = nil, responseFormat: ResponseFormat = .url, ttl: Duration? = nil,
        includeCost: Bool = false, metadata: [String: String] = [:], priority: Priority = .normal,
        cancelAfter: Duration? = nil, startWithin: Duration? = nil
    ) {
        self.picture = picture
        self.parameters = parameters
        self.choice = choice
        self.fallback = fallback
        self.onUnsupported = onUnsupported
        self.webhookURL = webhookURL
        self.uploadURL = uploadURL
        self.responseFormat = responseFormat
        self.ttl = ttl
        self.includeCost = includeCost
        self.metadata = metadata
        self.priority = priority
        self.cancelAfter = cancelAfter
        self.startWithin = startWithin
    }

    package var resultCount: Int { Int(parameters.integer(.numberResults)) }
}

/// Where the picture is: at an address, or kept by us under the hash of its bytes.
package enum PictureSource: Hashable, Sendable {
    case url(String)
    case kept(KeptPicture)
}

package struct KeptPicture: Hashable, Sendable {
    package enum Format: String, Sendable, CaseIterable {
        case png, jpeg, webp
        package var contentType: String { "image/" + rawValue }
    }

    /// Lower-case hexadecimal SHA-256 of the bytes.
    package let sha256: String
    package let format: Format
    package let byteCount: Int64
    package let width: Int
    package let height: Int

    package init(sha256: String, format: Format, byteCount: Int64, width: Int, height: Int) {
        self.sha256 = sha256
        self.format = format
        self.byteCount = byteCount
        self.width = width
        self.height = height
    }
}

/// Which providers the customer will have.
package enum ProviderChoice: Hashable, Sendable {
    case auto
    /// One, or several in order of preference.
    case only([ProviderID])
}

package struct ProviderID: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let rawValue: String
    package init(_ rawValue: String) { self.rawValue = rawValue }
    package init(stringLiteral value: String) { rawValue = value }
    package var description: String { rawValue }
    package static let sandbox: ProviderID = "sandbox"
}

/// A value that was bent so that the work could be done, and said so.
package struct Adjustment: Hashable, Sendable {
    package let parameter: String
    package let from: String?
    package let to: String?
    package let reason: String

    package init(parameter: String, from: String?, to: String?, reason: String) {
        self.parameter = parameter
        self.from = from
        self.to = to
        self.reason = reason
    }
}
