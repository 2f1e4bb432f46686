import Domain

/// What went wrong at an upstream, as far as anybody has to act on it differently.
package struct Fault: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// It calls the request wrong; the parameter where it names one.
        case invalidInput(Parameter?)
        /// It cannot use the picture: not reachable for it, too large, of another format.
        case badPicture
        /// It will not make this.
        case content
        /// Our key is no good there.
        case credentials
        /// Our balance there is used up.
        case outOfBalance
        /// Not now; how long to wait, if it said so.
        case busy(retryAfter: Duration?)
        /// It broke, or its front did.
        case serverError
        /// No connection, or no answer.
        case unreachable
        /// It took the job and could not do it.
        case generationFailed
        /// Somebody called the job off there.
        case canceled
        /// It does not know the job, or not any more.
        case notFound
        /// An answer that makes no sense.
        case garbled
    }

    package let kind: Kind
    /// For people: what the provider said, secrets removed.
    package let message: String
    package let status: Int?
    /// The beginning of the raw answer, secrets removed.
    package let excerpt: String?

    package init(_ kind: Kind, _ message: String, status: Int? = nil, excerpt: String? = nil) {
        self.kind = kind
        self.message = message
        self.status = status
        self.excerpt = excerpt
    }

    package var retryAfter: Duration? {
        if case .busy(let wait) = kind { wait } else { nil }
    }

    package var parameter: Parameter? {
        if case .invalidInput(let parameter) = kind { parameter } else { nil }
    }

    /// For the row of the attempt.
    package var evidence: Evidence {
        Evidence(fault: kind.word, message: message, status: status, excerpt: excerpt)
    }
}

extension Fault.Kind {
    /// A stable word, for metrics and rows.
    package var word: String {
        switch self {
        case .invalidInput: "invalid_input"
        case .badPicture: "bad_picture"
        case .content: "content"
        case .credentials: "credentials"
        case .outOfBalance: "out_of_balance"
        case .busy: "busy"
        case .serverError: "server_error"
        case .unreachable: "unreachable"
        case .generationFailed: "generation_failed"
        case .canceled: "canceled"
        case .notFound: "not_found"
        case .garbled: "garbled"
        }
    }

    /// What a bare status code says (RFC 9110 §15), where the provider's own words say nothing.
    init(status: Int, retryAfter: Duration?) {
        switch status {
        case 401, 403: self = .credentials
        case 402: self = .outOfBalance
        case 404, 410: self = .notFound
        case 408, 425: self = .serverError
        case 413, 415: self = .badPicture
        case 429: self = .busy(retryAfter: retryAfter)
        case 499: self = .canceled
        case 503: self = retryAfter == nil ? .serverError : .busy(retryAfter: retryAfter)
        case 400..<500: self = .invalidInput(nil)
        case 500...: self = .serverError
        default: self = .garbled
        }
    }
}

/// A row of a provider's table of faults: which of its words mean what. Compared without regard to case.
package struct FaultRule: Sendable {
    enum Match: Sendable {
        case word(String)
        case beginning(String)
        case containing(String)
        /// In what it says to people: where there is no word for programs.
        case saying(String)
    }

    let matches: [Match]
    let kind: Fault.Kind

    static func words(_ words: String..., mean kind: Fault.Kind) -> FaultRule {
        FaultRule(matches: words.map { .word($0.lowercased()) }, kind: kind)
    }

    static func beginning(_ words: String..., mean kind: Fault.Kind) -> FaultRule {
        FaultRule(matches: words.map { .beginning($0.lowercased()) }, kind: kind)
    }

    static func containing(_ words: String..., mean kind: Fault.Kind) -> FaultRule {
        FaultRule(matches: words.map { .containing($0.lowercased()) }, kind: kind)
    }

    static func saying(_ words: String..., mean kind: Fault.Kind) -> FaultRule {
        FaultRule(matches: words.map { .saying($0.lowercased()) }, kind: kind)
    }

    /// `words` and `text` in lower case.
    func applies(to words: [String], saying text: String) -> Bool {
        matches.contains { match in
            switch match {
            case .word(let wanted): words.contains(wanted)
            case .beginning(let wanted): words.contains { $0.hasPrefix(wanted) }
            case .containing(let wanted): words.contains { $0.utf8.contains(wanted.utf8) }
            case .saying(let wanted): text.utf8.contains(wanted.utf8)
            }
        }
    }
}

extension String.UTF8View {
    /// Whether `wanted` occurs in it.
    func contains(_ wanted: String.UTF8View) -> Bool {
        guard let first = wanted.first else { return true }
        var at = startIndex
        while let found = self[at...].firstIndex(of: first) {
            if self[found...].starts(with: wanted) { return true }
            at = index(after: found)
        }
        return false
    }
}
