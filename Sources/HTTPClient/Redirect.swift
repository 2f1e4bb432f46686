import HTTP

/// Where a redirect leads, and what may go there: a pure decision.
enum Redirect: Equatable {
    /// The answer is the answer.
    case none
    case follow(CheckedURL, OutgoingRequest)
    case refused(String)

    /// `location` is the target as an absolute URL; libcurl resolves it.
    init(
        status: Int, location: String?, of request: OutgoingRequest, at url: CheckedURL, policy: CallPolicy,
        followed: Int
    ) {
        // Only a question can be asked elsewhere; anything else was meant for the one we called.
        guard policy.redirects > 0, [301, 302, 303, 307, 308].contains(status), let location,
            request.method == .get || request.method == .head
        else {
            self = .none
            return
        }
        guard followed < policy.redirects else {
            self = .refused("more than \(policy.redirects) redirects")
            return
        }
        // A target may name a place within itself (RFC 9110 §10.2.2), which is not sent.
        let text = String(location.prefix { $0 != "#" })
        do throws(URLFault) {
            let target = try CheckedURL(text, egress: policy.egress)
            guard target.isHTTPS || !url.isHTTPS else {
                self = .refused("from https to plain http")
                return
            }
            var next = request
            next.url = text
            if target.origin != url.origin { next.headers = request.headers.publicOnly }
            self = .follow(target, next)
        } catch {
            self = .refused("the redirect's target \(error)")
        }
    }
}

extension Headers {
    /// What another origin may be told. Keys travel under many names, so this names what is none.
    fileprivate var publicOnly: Headers {
        var kept = Headers()
        for name in ["Accept", "Accept-Language", "Range", "User-Agent"] {
            if let value = first(name) { try? kept.add(name, from: value) }
        }
        return kept
    }
}
