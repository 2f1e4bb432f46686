import Domain
import GLB

/// What the operator decided about the back of the house.
package struct WorkSettings: Sendable {
    package var routing = RoutingSettings()
    package var pace = Pace()
    package var breaker = CircuitBreaker.Settings()
    package var assets = AssetSettings()
    package var inputs = InputSettings()
    /// Submits and looks under way at once. Each may hold a picture's bytes while it goes out.
    package var submitsAtOnce = 64
    package var looksAtOnce = 512
    /// Results being fetched at once; each holds a file descriptor and a few buffers.
    package var fetchesAtOnce = 16
    /// Store-and-render work at once: it takes a core each.
    package var rendersAtOnce = 1

    package init() {}
}

package struct RoutingSettings: Hashable, Sendable {
    package enum Strategy: String, Sendable, CaseIterable { case priority, cheapest, fastest, weighted }

    package var strategy = Strategy.priority
    /// By name, best first; who is not named comes after, in the order of the catalog.
    package var order: [ProviderID] = []
    package var weights: [ProviderID: Double] = [:]
    /// Whether requests that do not say may go elsewhere when a provider fails.
    package var fallback = true
    /// How long a task may wait while nobody who could take it is well.
    package var maxQueueWait = Duration.seconds(600)
    /// Attempts begun for one slot, at most.
    package var maxAttempts = 5

    package init() {}
}

package struct AssetSettings: Hashable, Sendable {
    package enum Mode: String, Sendable, CaseIterable { case store, passthrough }

    package var mode = Mode.store
    package var ttl = Duration.seconds(86_400)
    /// The largest model taken in.
    package var modelBytes: Int64 = 512 << 20
    /// What stands behind the model in a thumbnail drawn here.
    package var background = Thumbnail.Background.ground
    /// How long one download may take, and how long a result is tried for before it counts as lost.
    package var downloadTimeout = Duration.seconds(300)
    package var patience = Duration.seconds(300)

    package init() {}
}

package struct InputSettings: Hashable, Sendable {
    /// The gateway fetches `image_url` itself and sends the bytes on.
    package var inline = false
    package var pictureBytes: Int64 = 32 << 20
    package var fetchTimeout = Duration.seconds(60)

    package init() {}
}
