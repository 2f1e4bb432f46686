import API
import Domain
import HTTP
import Providers
import Work

/// One cheap real call to a provider with the configured key: what is left there, or, where that cannot be asked, a
/// look at a job that does not exist, which tells a good key from a bad one as well.
struct ProviderTrial {
    let provider: Provider
    let settings: ProviderSettings
    let upstream: any Upstream
    let timeout: Duration

    func run() async -> ProviderTest {
        let clock = ContinuousClock()
        let start = clock.now
        // The identifier of nobody's job; a UUID, because some refuse anything else before they look at the key.
        let nobody = "00000000-0000-4000-8000-000000000000"
        let balance = provider.balance(settings, token: nobody)
        let request = balance ?? provider.look(UpstreamHandle(id: nobody), settings)
        let outcome = await upstream.send(
            request, CallTerms(timeout: timeout, replyBytes: provider.limits.replyBytes, isRepeatable: true))
        let milliseconds = Int((clock.now - start).wholeMilliseconds)
        switch outcome {
        case .failed(let failure):
            return ProviderTest(isOK: false, message: failure.message, milliseconds: milliseconds)
        case .answered(let reply):
            guard balance != nil else {
                let isRefused = reply.status.code == 401 || reply.status.code == 403
                let message =
                    isRefused
                    ? "it refuses the key (status \(reply.status.code))"
                    : "it answers and takes the key (status \(reply.status.code) for a job that does not exist)"
                return ProviderTest(
                    isOK: !isRefused && reply.status.code < 500, message: message, milliseconds: milliseconds)
            }
            switch provider.readBalance(reply, settings) {
            case .success(let left):
                let text = "\(left.amount) \(left.unit)"
                // What `requests_per_minute` should say; some raise it on request.
                let rate = left.requestsPerMinute.map { ", for \($0) calls a minute" } ?? ""
                return ProviderTest(
                    isOK: true, message: "it answers and takes the key" + rate, milliseconds: milliseconds,
                    balance: text)
            case .failure(let fault):
                return ProviderTest(isOK: false, message: fault.evidence.message, milliseconds: milliseconds)
            }
        }
    }
}
