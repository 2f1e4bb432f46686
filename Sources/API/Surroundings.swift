import Domain
import Files
import Glibc
import HTTP
import Store
import Synchronization

/// What the front needs of the rest of the house, as values: it can reach the store, and nothing else, by itself.
package struct Surroundings: Sendable {
    package var now: @Sendable () -> Instant
    package var random = Randomness()
    /// SHA-256.
    package var digest: @Sendable ([UInt8]) -> [UInt8]
    package var files: any Files
    /// What a picture's own bytes say it is, or why it will not do.
    package var inspect: @Sendable ([UInt8]) -> Result<PictureFacts, PictureFault>
    /// Why the gateway would never call this address, by the egress rules, as the end of a sentence that begins with
    /// the address's name; nil when it would.
    package var objection: @Sendable (_ url: String) -> String?

    /// Every provider in the order routing would ask them, with what stands in the way: Work's own decision.
    package var route: @Sendable (GenerationRequest, AccountLimits) -> [RouteChoice] = { _, _ in [] }
    /// The first of them alone, if it is on and could take the request. That is all a submit needs, and to say why the
    /// others do not take it costs more than this. nil: `route` says why.
    package var taker: @Sendable (GenerationRequest, AccountLimits) -> RouteChoice? = { _, _ in nil }
    package var providers: @Sendable () -> [ProviderView] = { [] }
    /// What `metadata.sandbox` may ask of the sandbox.
    package var sandboxWords: [String] = []
    /// How long until the task ends, as far as anyone can tell.
    package var estimate: @Sendable (RenderedTask, Instant) -> Duration? = { _, _ in nil }
    /// A provider calls back; false when the token is none of ours.
    package var callback: @Sendable (ProviderID, _ token: String, Headers, [UInt8]) async -> Bool = { _, _, _, _ in
        false
    }

    /// Whether the disk or the quota has no room for new work; what is under way still finds some.
    package var isFull: @Sendable () -> Bool = { false }
    /// What keeps the gateway from being ready; empty when nothing does.
    package var problems: @Sendable () -> [Problem] = { [] }
    package var metrics: @Sendable () async -> [UInt8] = { [] }
    /// Something the operator should read: never a secret, never a body.
    package var report: @Sendable (_ message: String, RequestID) -> Void = { _, _ in }
    /// A task was taken: leads from the request in the log to the task.
    package var accepted: @Sendable (GenerationTask, RequestID) -> Void = { _, _ in }
    package var acts = OperatorActs()
    package var webhooks: WebhookActs?

    package init(
        now: @escaping @Sendable () -> Instant, digest: @escaping @Sendable ([UInt8]) -> [UInt8],
        files: any Files,
        inspect: @escaping @Sendable ([UInt8]) -> Result<PictureFacts, PictureFault>,
        objection: @escaping @Sendable (String) -> String?
    ) {
        self.now = now
        self.digest = digest
        self.files = files
        self.inspect = inspect
        self.objection = objection
    }
}

package struct PictureFacts: Hashable, Sendable {
    package let format: KeptPicture.Format
    package let width: Int
    package let height: Int

    package init(format: KeptPicture.Format, width: Int, height: Int) {
        self.format = format
        self.width = width
        self.height = height
    }
}

/// Why bytes are no picture for us, in words for the customer.
package struct PictureFault: Error, Hashable, Sendable {
    package let message: String
    package init(_ message: String) { self.message = message }
}

/// What routing says of one provider for one request. Providers that the request did not ask for are left out.
package struct RouteChoice: Hashable, Sendable {
    package let provider: ProviderID
    /// Everything in its way; nothing: it would be asked.
    package let obstacles: [Obstacle]
    /// What would be bent to make the request fit.
    package let adjustments: [Adjustment]
    package let typicalDuration: Duration?
    /// Switched off, by the config or by an operator's word.
    package let isOff: Bool

    package struct Obstacle: Hashable, Sendable {
        /// The field in the way, where it is one.
        package let parameter: String?
        package let message: String
        /// It will pass: a full provider, an open breaker. The task then waits in the queue.
        package let isTemporary: Bool

        package init(parameter: String?, message: String, isTemporary: Bool) {
            self.parameter = parameter
            self.message = message
            self.isTemporary = isTemporary
        }
    }

    /// Whether it could ever take the request: now, or when what is in the way has passed.
    package var fits: Bool { obstacles.allSatisfy(\.isTemporary) }

    package init(
        provider: ProviderID, obstacles: [Obstacle] = [], adjustments: [Adjustment] = [],
        typicalDuration: Duration? = nil, isOff: Bool = false
    ) {
        self.provider = provider
        self.isOff = isOff
        self.obstacles = obstacles
        self.adjustments = adjustments
        self.typicalDuration = typicalDuration
    }
}

package struct Problem: Hashable, Sendable {
    /// All there are.
    package static let checks = ["store", "disk", "providers", "ledger", "draining"]

    /// What was looked at: one of `checks`.
    package let check: String
    package let message: String

    package init(_ check: String, _ message: String) {
        self.check = check
        self.message = message
    }
}

/// A provider as it stands, for customers (the first part) and operators (all of it).
package struct ProviderView: Sendable {
    package enum Breaker: String, Sendable { case closed, open, halfOpen = "half_open" }

    package let id: ProviderID
    package let name: String
    package var isEnabled: Bool
    package var breaker: Breaker
    package var typicalDuration: Duration?
    /// What it can do: a row a parameter.
    package var abilities: [Ability]
    package var running: Int
    package var concurrency: Int
    package var costMicrodollars: Int64?
    package var lastFault: Evidence?
    package var lastFaultAt: Instant?
    package var note: String?

    package struct Ability: Sendable {
        package let parameter: Parameter
        package let isSupported: Bool
        /// What it takes, or why it does not.
        package let words: String

        package init(_ parameter: Parameter, isSupported: Bool, words: String) {
            self.parameter = parameter
            self.isSupported = isSupported
            self.words = words
        }
    }

    package init(
        id: ProviderID, name: String, isEnabled: Bool, breaker: Breaker = .closed, typicalDuration: Duration? = nil,
        abilities: [Ability] = [], running: Int = 0, concurrency: Int = 0, costMicrodollars: Int64? = nil,
        lastFault: Evidence? = nil, lastFaultAt: Instant? = nil, note: String? = nil
    ) {
        self.id = id
        self.name = name
        self.isEnabled = isEnabled
        self.breaker = breaker
        self.typicalDuration = typicalDuration
        self.abilities = abilities
        self.running = running
        self.concurrency = concurrency
        self.costMicrodollars = costMicrodollars
        self.lastFault = lastFault
        self.lastFaultAt = lastFaultAt
        self.note = note
    }
}

/// Where ids and seeds come from: the system, or a test's own numbers.
package struct Randomness: RandomNumberGenerator, Sendable {
    private let source: @Sendable () -> UInt64

    package init(_ source: @escaping @Sendable () -> UInt64) { self.source = source }

    /// The system's, a few at a time: each question to it is a call into the kernel.
    package init() {
        let drawn = Mutex<[UInt64]>([])
        source = {
            drawn.withLock { drawn in
                if let last = drawn.popLast() { return last }
                // As many bytes as are given without fail (getentropy(3)).
                drawn = [UInt64](repeating: 0, count: 32)
                let isDrawn = drawn.withUnsafeMutableBytes { bytes in
                    bytes.baseAddress.map { getentropy($0, bytes.count) } == 0
                }
                precondition(isDrawn, "the system has no random numbers")
                return drawn.removeLast()
            }
        }
    }

    package mutating func next() -> UInt64 { source() }
}
