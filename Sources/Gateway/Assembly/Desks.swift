import Domain
import HTTPClient
import Providers
import Sandbox
import Work

/// Makes the desk of every provider in the catalog as the configuration says.
struct Desks {
    let client: HTTPClient
    let sandbox: SandboxRoom
    let clock: RunClock

    func all(_ configuration: Configuration, policy: CallPolicy) -> [any Desk] {
        Provider.all.enumerated().compactMap { rank, provider in
            guard let own = configuration.providers[provider.id] else { return nil }
            var options = UpstreamDesk.Options()
            options.isEnabled = configuration.isEnabled(provider.id)
            options.concurrency = own.concurrency
            options.requestsPerMinute = own.requestsPerMinute
            options.cost = own.costMicrodollars
            options.clock = clock
            options.signatures = Signatures(
                sha256: Digests.sha256, verify: { Digests.isSigned($1, by: $2, $0) })
            if provider.id == .sandbox {
                return UpstreamDesk(
                    provider, ProviderSettings(baseURL: Sandbox.baseURL), rank: rank, upstream: sandbox.upstream,
                    options: options)
            }
            options.timeout = own.timeout
            if let publicURL = configuration.publicURL {
                options.callback = { "\(publicURL)/v1/callbacks/\(provider.id.rawValue)/\($0)" }
            }
            return UpstreamDesk(
                provider, ProviderSettings(baseURL: own.baseURL, key: own.key), rank: rank,
                upstream: ClientUpstream(client, policy: policy), options: options)
        }
    }
}
