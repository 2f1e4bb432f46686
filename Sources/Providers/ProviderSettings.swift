import Domain

/// What the operator says of one provider.
package struct ProviderSettings: Sendable, Hashable {
    /// Scheme, host and perhaps port, without a slash at the end.
    package let baseURL: String
    package let key: Secret?

    package init(baseURL: String, key: Secret? = nil) {
        var base = Substring(baseURL)
        while base.last == "/" { base.removeLast() }
        self.baseURL = String(base)
        self.key = key
    }
}

/// Text that must not be seen: it prints as `***` wherever it turns up.
package struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package let revealed: String

    package init(_ revealed: String) { self.revealed = revealed }

    package var description: String { "***" }
    package var debugDescription: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// One job as it is to be bought: what the request asks, after `Provider.fit` had its say.
package struct UpstreamJob: Sendable, Hashable {
    package var parameters: Parameters
    /// The customer's, or the one drawn for this result.
    package var seed: Int64?
    package var picture: UpstreamPicture
    /// A version 4 UUID of ours: the job's own name where the provider takes one.
    package var token: String
    /// Where the provider may call when it is done; with a secret in it.
    package var callbackURL: String?
    /// How long the provider should keep the result, where it can be told.
    package var keep: Duration?
    /// The customer's own pairs; only the sandbox is told.
    package var metadata: [String: String]

    package init(
        parameters: Parameters, seed: Int64?, picture: UpstreamPicture, token: String, callbackURL: String? = nil,
        keep: Duration? = nil, metadata: [String: String] = [:]
    ) {
        self.parameters = parameters
        self.seed = seed
        self.picture = picture
        self.token = token
        self.callbackURL = callbackURL
        self.keep = keep
        self.metadata = metadata
    }
}

/// The picture, in a form that can be put into a request.
package enum UpstreamPicture: Sendable, Hashable {
    case url(String)
    case bytes([UInt8], contentType: String)
}
