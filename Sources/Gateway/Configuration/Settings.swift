import Domain

extension Setting {
    /// Every setting there is.
    static let all: [Setting] =
        house + Configuration.providerIDs.flatMap(provider) + work + front + prices + operations

    static let byKey: [String: Setting] = Dictionary(uniqueKeysWithValues: all.map { ($0.key, $0) })

    /// A year: longer than anything here should last, and short enough to add to any time.
    private static let longest = 366.0 * 86_400

    private static let house: [Setting] = [
        texts("listen", .address, restart: true) { $0.listen = $1 },
        text("public_url", .httpURL, restart: true) { $0.publicURL = $1.withoutSlash }.orNull,
        text("data_dir", .path, restart: true) { $0.dataDirectory = $1 },
        flag("first_run.enabled", restart: true) { $0.firstRun.isEnabled = $1 }.orNull,
        text("first_run.account", .any, restart: true) { $0.firstRun.account = $1 },
        credits("first_run.credits") { $0.firstRun.credits = $1 },
    ]

    private static func provider(_ id: ProviderID) -> [Setting] {
        let name = "providers.\(id.rawValue)."
        func set<Value>(
            _ body: @escaping @Sendable (inout Configuration.Provider, Value) -> Void
        ) -> Target<Value> {
            { body(&$0.providers[id, default: .init()], $1) }
        }
        let common = [
            whole(name + "concurrency", 0...10_000, set { $0.concurrency = $1 }),
            number(name + "cost", 0...1000, set { $0.cost = $1 }).orNull,
            number(name + "weight", 0...1000, set { $0.weight = $1 }),
        ]
        let enabled = flag(name + "enabled", set { $0.isEnabled = $1 })
        guard id != .sandbox else {
            return [enabled.orNull] + common + [seconds(name + "duration", 0...600) { $0.sandbox.duration = $1 }]
        }
        return [enabled] + common + [
            secret(name + "api_key", set { $0.key = $1 }),
            text(name + "base_url", .baseURL, set { $0.baseURL = $1 }),
            whole(name + "requests_per_minute", 1...1_000_000, set { $0.requestsPerMinute = $1 }).orNull,
            seconds(name + "timeout", 0.1...600, set { $0.timeout = $1 }),
        ]
    }

    private static let work: [Setting] = [
        word("routing.strategy", ["priority", "cheapest", "fastest", "weighted"]) { $0.routing.strategy = $1 },
        list("routing.order", of: .word(Configuration.providerIDs.map(\.rawValue))) {
            $0.routing.order = $1.compactMap { if case .text(let id) = $0 { ProviderID(id) } else { nil } }
        },
        flag("routing.fallback") { $0.routing.fallback = $1 },
        seconds("routing.max_queue_wait", 0...longest) { $0.routing.maxQueueWait = $1 },
        whole("routing.max_attempts", 1...100) { $0.routing.maxAttempts = $1 },
        number("routing.breaker.failure_ratio", 0.01...1) { $0.routing.breaker.failureRatio = $1 },
        whole("routing.breaker.minimum_answers", 1...100_000) { $0.routing.breaker.minimumAnswers = $1 },
        whole("routing.breaker.failures_in_a_row", 1...100_000) { $0.routing.breaker.failuresInARow = $1 },
        seconds("routing.breaker.window", 1...86_400) { $0.routing.breaker.window = $1 },
        seconds("routing.breaker.pause", 0.01...86_400) { $0.routing.breaker.pause = $1 },
        seconds("routing.breaker.longest_pause", 0.01...86_400) { $0.routing.breaker.longestPause = $1 },
        ranges("network.allow") { $0.network.allow = $1 },
        ranges("network.deny") { $0.network.deny = $1 },
        flag("network.http") { $0.network.http = $1 },
        text("network.ca_bundle", .path) { $0.network.caBundle = $1 }.orNull,
        list("webhooks.schedule", of: .number(0...longest)) {
            $0.webhooks.schedule = $1.compactMap { if case .number(let wait) = $0 { .seconds(wait) } else { nil } }
        },
        seconds("webhooks.timeout", 0.1...120) { $0.webhooks.timeout = $1 },
        whole("webhooks.concurrency", 1...10_000) { $0.webhooks.concurrency = $1 },
        whole("webhooks.concurrency_per_receiver", 1...1000) { $0.webhooks.concurrencyPerReceiver = $1 },
        seconds("webhooks.disable_after", 1...longest) { $0.webhooks.disableAfter = $1 },
        number("polling.scale", 0.0001...100) { $0.polling.scale = $1 },
        seconds("polling.shortest", 0.01...600) { $0.polling.shortest = $1 },
        seconds("polling.longest", 0.01...3600) { $0.polling.longest = $1 },
        word("assets.mode", ["store", "passthrough"]) { $0.assets.mode = $1 },
        seconds("assets.ttl", 60...longest) { $0.assets.ttl = $1 },
        seconds("assets.max_ttl", 60...longest) { $0.assets.longestTTL = $1 },
        whole("assets.quota_bytes", 1 << 20...Int.max, restart: true) { $0.assets.quotaBytes = $1 },
        whole("assets.model_bytes", 1 << 16...16 << 30) { $0.assets.modelBytes = $1 },
        word("assets.thumbnail_background", ["ground", "transparent"]) { $0.assets.thumbnailBackground = $1 },
        whole("assets.reserve_bytes", 0...Int.max) { $0.assets.reserveBytes = $1 },
        flag("inputs.inline") { $0.inputs.inline = $1 },
        whole("inputs.picture_bytes", 1024...256 << 20) { $0.inputs.pictureBytes = $1 },
        seconds("inputs.timeout", 0.1...600) { $0.inputs.timeout = $1 },
    ]

    private static let front: [Setting] = [
        whole("limits.body_bytes", 1024...1 << 30) { $0.limits.bodyBytes = $1 },
        seconds("limits.task_deadline", 1...longest) { $0.limits.taskDeadline = $1 },
        whole("limits.requests_per_minute", 1...100_000_000) { $0.limits.requestsPerMinute = $1 },
        whole("limits.reads_per_minute", 1...100_000_000) { $0.limits.readsPerMinute = $1 },
        whole("limits.concurrent_tasks", 1...10_000_000) { $0.limits.concurrentTasks = $1 },
        credits("limits.low_balance") { $0.limits.lowBalance = $1 }.orNull,
        whole("limits.wrong_keys_per_minute", 1...1_000_000) { $0.limits.wrongKeysPerMinute = $1 },
        whole("limits.waiting", 1...1_000_000) { $0.limits.waiting = $1 },
        whole("limits.waiting_per_account", 1...1_000_000) { $0.limits.waitingPerAccount = $1 },
        whole("limits.connections", 16...1_000_000, restart: true) { $0.limits.connections = $1 },
        whole("limits.connections_per_address", 1...1_000_000, restart: true) { $0.limits.connectionsPerAddress = $1 },
        whole("limits.bodies_in_memory_bytes", 1 << 20...1 << 40, restart: true) {
            $0.limits.bodiesInMemoryBytes = $1
        },
        flag("idempotency.required") { $0.idempotency.isRequired = $1 },
        seconds("idempotency.retention", 60...longest) { $0.idempotency.retention = $1 },
        texts("cors.origins", .origin) { $0.corsOrigins = $1 },
        ranges("trusted_proxies", restart: true) { $0.trustedProxies = $1 },
        text("tls.certificate", .path, restart: true) { $0.tls.certificate = $1 }.orNull,
        text("tls.key", .path, restart: true) { $0.tls.key = $1 }.orNull,
    ]

    private static let prices: [Setting] =
        [
            number("prices.credit_dollars", 0...1000) { $0.creditDollars = $1 },
            credits("prices.thumbnail") { $0.prices.thumbnail = $1 },
        ]
        + [512, 1024, 1536].flatMap { resolution in
            [
                credits("prices.\(resolution).geometry") {
                    $0.prices.rows[resolution, default: .init(geometry: 0, textured: [:])].geometry = $1
                }
            ]
                + [1024, 2048, 4096].map { texture in
                    credits("prices.\(resolution).textured.\(texture)") {
                        $0.prices.rows[resolution, default: .init(geometry: 0, textured: [:])].textured[texture] = $1
                    }
                }
        }

    private static let operations: [Setting] = [
        texts("admin.listen", .address, restart: true) { $0.adminListen = $1 },
        texts("metrics.listen", .address, restart: true) { $0.metrics.listen = $1 },
        flag("metrics.require_key") { $0.metrics.requiresKey = $1 },
        word("logging.level", Log.Level.allCases.map(\.rawValue)) { configuration, word in
            Log.Level(rawValue: word).map { configuration.logging.level = $0 }
        },
        word("logging.format", Log.Format.allCases.map(\.rawValue), restart: true) { configuration, word in
            Log.Format(rawValue: word).map { configuration.logging.format = $0 }
        },
        whole("logging.requests_every", 0...1_000_000, restart: true) { $0.logging.requestsEvery = $1 },
        seconds("retention.tasks", 60...longest * 10) { $0.retention.tasks = $1 },
        seconds("retention.events", 60...longest * 10) { $0.retention.events = $1 },
        flag("backup.before_upgrade") { $0.backsUpBeforeUpgrade = $1 },
        seconds("shutdown.drain", 0...600) { $0.drain = $1 },
    ]
}

extension String {
    fileprivate var withoutSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
