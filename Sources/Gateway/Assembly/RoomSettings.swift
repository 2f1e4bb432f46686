import API
import Domain
import GLB
import HTTP
import HTTPClient
import HTTPServer
import Store
import Webhooks
import Work

// What each room is told of the configuration, in its own words.

extension Configuration {
    var front: API.Settings {
        var settings = API.Settings()
        settings.prices = prices
        settings.creditMicrodollars = Int64((creditDollars * 1_000_000).rounded())
        settings.limits.bodyBytes = limits.bodyBytes
        settings.limits.requestsPerMinute = limits.requestsPerMinute
        settings.limits.readsPerMinute = limits.readsPerMinute
        settings.limits.wrongKeysPerMinute = limits.wrongKeysPerMinute
        settings.limits.concurrentTasks = limits.concurrentTasks
        settings.limits.lowBalance = limits.lowBalance
        settings.limits.waiting = limits.waiting
        settings.limits.waitingPerAccount = limits.waitingPerAccount
        settings.taskDeadline = limits.taskDeadline
        settings.longestTTL = assets.longestTTL
        settings.idempotency.retention = idempotency.retention
        settings.idempotency.required = idempotency.isRequired
        settings.fallback = routing.fallback
        settings.origins = corsOrigins
        settings.adminListener = adminListen.isEmpty ? nil : Listener.admin
        settings.metricsListener = metrics.listen.isEmpty ? nil : Listener.metrics
        settings.metricsNeedKey = metrics.requiresKey
        settings.version = Gateway.version
        return settings
    }

    var back: WorkSettings {
        var settings = WorkSettings()
        settings.routing.strategy = RoutingSettings.Strategy(rawValue: routing.strategy) ?? .priority
        settings.routing.order = routing.order
        settings.routing.weights = providers.mapValues(\.weight)
        settings.routing.fallback = routing.fallback
        settings.routing.maxQueueWait = routing.maxQueueWait
        settings.routing.maxAttempts = routing.maxAttempts
        settings.pace = Pace(
            scale: polling.scale, shortestLook: polling.shortest, longestLook: polling.longest)
        settings.breaker = CircuitBreaker.Settings(
            ratio: routing.breaker.failureRatio, minimum: routing.breaker.minimumAnswers,
            inARow: routing.breaker.failuresInARow, window: routing.breaker.window, pause: routing.breaker.pause,
            longest: routing.breaker.longestPause)
        settings.assets.mode = AssetSettings.Mode(rawValue: assets.mode) ?? .store
        settings.assets.ttl = assets.ttl
        settings.assets.background = Thumbnail.Background(rawValue: assets.thumbnailBackground) ?? .ground
        settings.assets.modelBytes = Int64(assets.modelBytes)
        settings.inputs.inline = inputs.inline
        settings.inputs.pictureBytes = Int64(inputs.pictureBytes)
        settings.inputs.fetchTimeout = inputs.timeout
        return settings
    }

    var sender: WebhookSender.Settings {
        WebhookSender.Settings(
            schedule: RetrySchedule(waits: webhooks.schedule), concurrencyPerLane: webhooks.concurrencyPerReceiver,
            concurrency: webhooks.concurrency, disableAfter: webhooks.disableAfter,
            userAgent: "trellis-gateway/\(Gateway.version)")
    }

    var kept: Retention {
        Retention(finishedTasks: retention.tasks, events: retention.events, batch: 200)
    }

    /// How the gateway calls others.
    func outgoing(own listeners: [ServerConfiguration.Listener]) -> CallPolicy {
        var policy = CallPolicy(egress: egress(own: listeners))
        policy.trust = network.caBundle.map { .bundle(path: $0) } ?? .system
        return policy
    }

    /// Where the gateway may connect to. Its own listeners never: a tenant must not borrow our address.
    func egress(own listeners: [ServerConfiguration.Listener]) -> EgressPolicy {
        let addresses = listeners.compactMap { listener -> NetworkAddress? in
            if case .tcp(let address) = listener.address { address } else { nil }
        }
        let names = publicURL.flatMap { TextForm.host(of: $0) }.map { [$0.lowercased()] } ?? []
        return EgressPolicy(
            allowed: network.allow, denied: network.deny, allowsPlainHTTP: network.http, ownListeners: addresses,
            ownNames: Set(names))
    }
}

/// The names by which rooms know the listeners.
enum Listener {
    static let front = "public"
    static let admin = "admin"
    static let metrics = "metrics"
    static let control = API.controlListener
}
