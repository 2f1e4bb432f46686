import API
import Domain
import Files
import HTTP
import HTTPClient
import HTTPServer
import Sandbox
import Store
import Synchronization
import Webhooks
import Work

extension House {
    /// What the front is given of the rest of the house, as functions.
    func surroundings() -> Surroundings {
        let (work, sender, clock, log) = (work, sender, clock, log)
        var around = Surroundings(
            now: { clock.now() }, digest: Digests.sha256, files: files,
            inspect: { bytes in
                switch PictureLook(bytes) {
                case .not(let why): .failure(PictureFault(why))
                case .picture(let format, let width, let height):
                    .success(PictureFacts(format: format, width: width, height: height))
                }
            },
            objection: { [rules] url in
                do throws(URLFault) {
                    _ = try CheckedURL(url, egress: rules.policy.egress)
                    return nil
                } catch {
                    return "\(error.description)."
                }
            })
        let choices = { @Sendable (request: GenerationRequest, limits: AccountLimits) in
            RouteChoices(
                route: work.shop.route(request, allowed: limits.providers, at: clock.now()), request: request,
                shop: work.shop)
        }
        around.route = { choices($0, $1).all }
        around.taker = { choices($0, $1).taker }
        around.providers = { [weak self] in self?.providerViews() ?? [] }
        around.sandboxWords = SandboxMode.allCases.map(\.rawValue)
        around.estimate = { found, now in TimeLeft(work.shop).of(found, at: now) }
        around.callback = { provider, token, headers, body in
            await work.handleCallback(from: provider, token: token, headers: headers, body: body) == .taken
        }
        let disk = Disk()
        around.isFull = { [weak self] in
            guard let self else { return true }
            let (assets, directory) = change { ($0.configuration.assets, $0.configuration.dataDirectory) }
            return Room(assets, directory: directory, usedBytes: files.usedBytes, disk: disk).objection != nil
        }
        around.problems = { [weak self] in self?.readiness().problems ?? [] }
        around.metrics = { [weak self] in await self?.metrics().bytes ?? [] }
        around.report = { message, request in log(.error, message, request: request) }
        around.accepted = { task, request in
            log(
                .info, "accepted", request: request, task: task.id,
                ["trace_id": .text(task.request.trace?.id ?? ""), "account": .text(task.account.description)])
        }
        around.acts = operatorActs()
        around.webhooks = WebhookActs(
            makeSecret: { scheme, now in
                var random = SystemRandomNumberGenerator()
                return .make(scheme, now: now, random: &random)
            },
            show: \.shown, nextAttempt: { await sender.nextAttempt(of: $0) }, wake: { sender.wake() })
        return around
    }

    private func operatorActs() -> OperatorActs {
        var acts = OperatorActs()
        acts.reload = { [weak self] in await self?.reloadAsked() ?? .failure(.notHere) }
        acts.test = { [weak self] in await self?.trial(of: $0) ?? .failure(.notHere) }
        let keeping = BackupFiles(dataDirectory: configuration.dataDirectory)
        acts.keepFiles = { await keeping.keep(in: $0, withKey: $1) }
        acts.isConfigured = { [work] in work.shop.board[$0]?.isEnabled ?? false }
        acts.objection = { [weak self] id in
            guard let settings = self?.configuration, id != .sandbox, settings.providers[id]?.key == nil else {
                return nil
            }
            return "\(id) has no key; \(settings.wayToSetKey(of: id))"
        }
        acts.providerChanged = { [work] provider, isEnabled in work.changed(provider, isEnabled: isEnabled) }
        return acts
    }

    func providerViews() -> [ProviderView] {
        ProviderViews(standings: work.shop.board.standings(), now: clock.now()).all(configuration)
    }

    func readiness() -> Readiness {
        Readiness(
            configuration: configuration, health: store.health, reconciling: store.reconciling,
            assetBytes: files.usedBytes, standings: work.shop.board.standings(),
            isDraining: change { $0.isDraining }, now: clock.now())
    }

    func metrics() async -> MetricsPage {
        let (server, reloads, isDraining) = change { ($0.server, $0.reloads, $0.isDraining) }
        return MetricsPage(
            version: Gateway.version, startedAt: startedAt, server: server?.metrics,
            client: client.metrics, store: store.health, work: work.shop.tally.snapshot(),
            standings: work.shop.board.standings(), webhooks: sender.counts, assetBytes: files.usedBytes,
            quotaBytes: Int64(configuration.assets.quotaBytes), log: log.counts, reloads: reloads,
            // A store that cannot answer just now leaves these out: the page is most wanted then.
            totals: try? await store.ledgerTotals(), backlog: try? await store.webhookBacklog(),
            problems: readiness().problems, isDraining: isDraining, now: clock.now())
    }
}
