import API
import Domain
import HTTPClient
import HTTPServer
import Providers
import Sandbox
import Store
import Synchronization
import Webhooks
import Work

extension House {
    /// Takes a new configuration over while everything runs on: all of it that a running gateway can take, and the
    /// difference names the rest.
    func take(_ wanted: Configuration) async -> ConfigurationDifference {
        let old = configuration
        let difference = ConfigurationDifference(from: old, to: wanted)
        let new = wanted.holding(old)
        let policy = new.outgoing(own: listeners)
        log.setLevel(new.logging.level)
        log.setRedactor(Redactor(new.secrets))
        sandbox.setDuration(new.sandbox.duration)
        rules.policy = policy
        work.configure(new.back, desks: desks.all(new, policy: policy))
        courier.configure(Self.webhookPolicy(new, listeners))
        await sender.configure(new.sender)
        let api = change { state in
            state.configuration = new
            state.reloads.good += 1
            return state.api
        }
        api?.settings = new.front
        return difference
    }

    /// Reads the configuration again and takes it over; says what changed, or why nothing did.
    func reload(
        _ load: @Sendable () throws(ConfigurationFailure) -> Configuration
    ) async -> Result<[String], ActRefusal> {
        let new: Configuration
        let certificateIsNew: Bool
        do throws(ConfigurationFailure) {
            new = try load()
            certificateIsNew = try reloadCertificate()
        } catch {
            change { $0.reloads.bad += 1 }
            log(.error, "reload refused, the old configuration stays", ["why": "\(error)"])
            return .failure(.refused("\(error)"))
        }
        let difference = await take(new)
        var lines = difference.changes.map { change in
            "\(change.key): \(change.before) → \(change.after)" + (change.needsRestart ? " (needs a restart)" : "")
        }
        if certificateIsNew { lines.append("tls: another certificate or key is in the files") }
        log(
            .info, "reloaded",
            [
                "changes": LogValue(difference.changes.count), "changed": .text(lines.joined(separator: "; ")),
                "needs_restart": .text(difference.waitingForRestart.map(\.key).joined(separator: ", ")),
            ])
        return .success(lines)
    }

    /// True when it is another one than before.
    private func reloadCertificate() throws(ConfigurationFailure) -> Bool {
        guard let server = change({ $0.server }) else { return false }
        do throws(ServerError) { return try server.reloadTLS() } catch { throw .unreadable("\(error)") }
    }

    func reloadAsked() async -> Result<[String], ActRefusal> {
        guard let load = change({ $0.load }) else { return .failure(.notHere) }
        return await reload(load)
    }

    /// The same by SIGHUP, which leaves a row like every other act of an operator.
    func reload(bySignal load: @Sendable () throws(ConfigurationFailure) -> Configuration) async {
        guard case .success(let changed) = await reload(load) else { return }
        do throws(StoreError) {
            try await store.recordAudit(
                actor: "signal", act: "reload", subject: "configuration", detail: changed.joined(separator: ", "),
                now: clock.now())
        } catch {
            log(.error, "the reload could not be noted in the audit", ["error": "\(error)"])
        }
    }

    func trial(of id: ProviderID) async -> Result<ProviderTest, ActRefusal> {
        guard let provider = Provider[id], let own = configuration.providers[id] else {
            return .failure(.notFound("provider"))
        }
        if id == .sandbox {
            let trial = ProviderTrial(
                provider: provider, settings: ProviderSettings(baseURL: Sandbox.baseURL), upstream: sandbox.upstream,
                timeout: .seconds(5))
            return .success(await trial.run())
        }
        guard let key = own.key else {
            return .failure(.refused("\(id) has no key; \(configuration.wayToSetKey(of: id))"))
        }
        let policy = configuration.outgoing(own: listeners)
        let trial = ProviderTrial(
            provider: provider, settings: ProviderSettings(baseURL: own.baseURL, key: key),
            upstream: ClientUpstream(client, policy: policy), timeout: min(own.timeout, .seconds(15)))
        return .success(await trial.run())
    }
}
