import Domain
import HTTP
import Providers

/// All that the operator decided, as one value: made once from the embedded defaults, a file, the environment and the
/// flags, with all mistakes reported together, and replaced whole on a reload.
///
/// Every property below gets its value from `config/gateway.json5` by a row of `Setting.all`; what stands here is only
/// what a stored property must begin with. Durations come in seconds.
package struct Configuration: Sendable {
    package internal(set) var listen: [String] = []
    package internal(set) var publicURL: String?
    package internal(set) var dataDirectory = ""
    package internal(set) var firstRun = FirstRun()
    package internal(set) var providers: [ProviderID: Provider] = [:]
    package internal(set) var sandbox = Sandbox()
    package internal(set) var routing = Routing()
    package internal(set) var network = Network()
    package internal(set) var webhooks = Webhooks()
    package internal(set) var limits = Limits()
    package internal(set) var polling = Polling()
    package internal(set) var assets = Assets()
    package internal(set) var inputs = Inputs()
    package internal(set) var prices = PriceTable(rows: [:], thumbnail: 0)
    /// What a credit stands for in US dollars.
    package internal(set) var creditDollars = 0.0
    package internal(set) var idempotency = Idempotency()
    package internal(set) var adminListen: [String] = []
    package internal(set) var metrics = Metrics()
    package internal(set) var tls = TLS()
    package internal(set) var trustedProxies: [AddressRange] = []
    package internal(set) var corsOrigins: [String] = []
    package internal(set) var logging = Logging()
    package internal(set) var retention = Lifetimes()
    package internal(set) var backsUpBeforeUpgrade = false
    package internal(set) var drain = Duration.zero

    /// Every setting with its value in force and where it came from, in the order of the defaults.
    package internal(set) var effective: [EffectiveSetting] = []
    /// Secrets that are missing because this variable is not set, by setting.
    package internal(set) var unset: [String: String] = [:]
    /// The file that was read; nil: none.
    package internal(set) var file: String?

    package struct FirstRun: Hashable, Sendable {
        /// nil: only without a configuration file, and with the sandbox alone.
        package var isEnabled: Bool?
        package var account = ""
        package var credits: Credits = 0
    }

    package struct Provider: Hashable, Sendable {
        /// nil, which only the sandbox may have: as long as no other is enabled.
        package var isEnabled: Bool?
        package var key: Secret?
        package var baseURL = ""
        package var concurrency = 0
        package var requestsPerMinute: Int?
        package var timeout = Duration.zero
        /// US dollars for one result; nil: only what the provider says.
        package var cost: Double?
        package var weight = 0.0

        var costMicrodollars: Int64? { cost.map { Int64(($0 * 1_000_000).rounded()) } }
    }

    package struct Sandbox: Hashable, Sendable {
        package var duration = Duration.zero
    }

    package struct Routing: Hashable, Sendable {
        package var strategy = ""
        package var order: [ProviderID] = []
        package var fallback = false
        package var maxQueueWait = Duration.zero
        package var maxAttempts = 0
        package var breaker = Breaker()
    }

    package struct Breaker: Hashable, Sendable {
        package var failureRatio = 0.0
        package var minimumAnswers = 0
        package var failuresInARow = 0
        package var window = Duration.zero
        package var pause = Duration.zero
        package var longestPause = Duration.zero
    }

    package struct Network: Hashable, Sendable {
        package var allow: [AddressRange] = []
        package var deny: [AddressRange] = []
        package var http = false
        /// A PEM file of authorities to believe; nil: those of the system.
        package var caBundle: String?
    }

    package struct Webhooks: Hashable, Sendable {
        package var schedule: [Duration] = []
        package var timeout = Duration.zero
        package var concurrency = 0
        package var concurrencyPerReceiver = 0
        package var disableAfter = Duration.zero
    }

    package struct Limits: Hashable, Sendable {
        package var bodyBytes = 0
        package var taskDeadline = Duration.zero
        package var requestsPerMinute = 0
        package var readsPerMinute = 0
        package var concurrentTasks = 0
        package var lowBalance: Credits?
        package var wrongKeysPerMinute = 0
        package var waiting = 0
        package var waitingPerAccount = 0
        package var connections = 0
        package var connectionsPerAddress = 0
        package var bodiesInMemoryBytes = 0
    }

    package struct Polling: Hashable, Sendable {
        package var scale = 0.0
        package var shortest = Duration.zero
        package var longest = Duration.zero
    }

    package struct Assets: Hashable, Sendable {
        package var mode = ""
        package var ttl = Duration.zero
        package var longestTTL = Duration.zero
        package var quotaBytes = 0
        package var modelBytes = 0
        package var reserveBytes = 0
        package var thumbnailBackground = ""
    }

    package struct Inputs: Hashable, Sendable {
        package var inline = false
        package var pictureBytes = 0
        package var timeout = Duration.zero
    }

    package struct Idempotency: Hashable, Sendable {
        package var isRequired = false
        package var retention = Duration.zero
    }

    package struct Metrics: Hashable, Sendable {
        package var listen: [String] = []
        package var requiresKey = false
    }

    package struct TLS: Hashable, Sendable {
        package var certificate: String?
        package var key: String?
    }

    package struct Logging: Hashable, Sendable {
        package var level = Log.Level.info
        package var format = Log.Format.json
        package var requestsEvery = 0
    }

    package struct Lifetimes: Hashable, Sendable {
        package var tasks = Duration.zero
        package var events = Duration.zero
    }
}

/// One setting as it is in force.
package struct EffectiveSetting: Hashable, Sendable {
    package let key: String
    /// As JSON5; a secret is `"***"`.
    package let value: String
    package let origin: Origin
    let needsRestart: Bool
    /// Tells two secrets apart where `value` cannot.
    let exact: SettingValue

    init(key: String, exact: SettingValue, origin: Origin, needsRestart: Bool) {
        self.key = key
        value = exact.description
        self.origin = origin
        self.needsRestart = needsRestart
        self.exact = exact
    }
}

extension Configuration {
    package static let providerIDs = Providers.Provider.all.map(\.id)

    /// Whether the provider takes work: the sandbox by itself only while it is alone.
    package func isEnabled(_ id: ProviderID) -> Bool {
        if let said = providers[id]?.isEnabled { return said }
        return id == .sandbox && !providers.contains { $0.key != .sandbox && $0.value.isEnabled == true }
    }

    /// Every secret in force, so that a log line can be kept free of them.
    package var secrets: [Secret] {
        effective.compactMap { if case .secret(let secret) = $0.exact { secret } else { nil } }
    }
}
