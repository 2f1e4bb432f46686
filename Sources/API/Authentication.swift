import Domain
import HTTP
import Store

extension API {
    /// Who asks, and whether they may.
    func caller(
        of request: HTTPRequest, for endpoint: Endpoint, settings: Settings, now: Instant
    ) throws(Refusal) -> Caller {
        if request.listener == Self.controlListener { return .controlSocket }
        var access = endpoint.access
        if endpoint.pattern == "/metrics", settings.metricsNeedKey { access = .operating }
        // A key sent along to an open address does no harm, right or wrong.
        if access == .open { return .nobody }
        let verdict = Self.withBearer(of: request) { token in token.map { store.authenticate($0, now: now) } }
        guard let verdict else {
            let isSent = request.headers["Authorization"]?.isEmpty == false
            throw refused(isSent ? .noBearer : .noKey, request, settings, now)
        }
        switch verdict {
        case .known(let principal, let cap):
            guard access.scopes.contains(principal.scope) else {
                throw .wrongScope(has: principal.scope, needs: access.scopes)
            }
            return .key(principal, spendCap: cap)
        case .malformed: throw refused(.malformedKey, request, settings, now)
        case .unknown: throw refused(.unknownKey, request, settings, now)
        // Whoever had a right key once is not guessing.
        case .expired: throw .expiredKey
        case .revoked: throw .revokedKey
        case .disabled: throw .accountDisabled
        }
    }

    /// Wrong and missing keys are counted by address: whoever guesses or floods is slowed, whoever has a right key
    /// behind the same address is not.
    private func refused(
        _ refusal: Refusal, _ request: HTTPRequest, _ settings: Settings, _ now: Instant
    ) -> Refusal {
        let verdict = limiter.take(
            .stranger(request.client.neighbourhood), perMinute: settings.limits.wrongKeysPerMinute, now: now)
        return verdict.isAllowed ? refusal : .rateLimited(verdict, what: "wrong keys")
    }

    /// The token of `Authorization: Bearer TOKEN` (RFC 6750 §2.1); the scheme in any case (RFC 9110 §11.1).
    /// Lent, not copied: each status read comes through here.
    @inline(__always)
    static func withBearer<R>(of request: HTTPRequest, _ body: (UnsafeBufferPointer<UInt8>?) -> R) -> R {
        request.headers.withFirst("Authorization") { value in
            guard let value, value.count > 7 else { return body(nil) }
            let scheme: StaticString = "bearer "
            for index in 0..<7 where value[index] | 0x20 != scheme.utf8Start[index] { return body(nil) }
            var start = 7
            while start < value.count, value[start] == UInt8(ascii: " ") { start += 1 }
            return body(start < value.count ? UnsafeBufferPointer(rebasing: value[start...]) : nil)
        }
    }
}
