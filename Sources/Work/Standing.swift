import Domain

/// What sort of work a request is, as far as time and trouble go: providers fail and dawdle by these.
package struct RequestKind: Hashable, Sendable {
    package let resolution: Int
    package let textures: Bool

    package init(resolution: Int, textures: Bool) {
        self.resolution = resolution
        self.textures = textures
    }

    package init(_ parameters: Parameters) {
        resolution = Int(parameters.integer(.resolution))
        textures = parameters.flag(.textures)
    }
}

/// How one provider stands with us just now. A value; `ProviderBoard` keeps one for each.
package struct Standing: Hashable, Sendable {
    /// As the config says.
    package var isEnabled: Bool
    /// As an operator says, over the config.
    package var override: Bool?
    /// Jobs it may have at once.
    package var concurrency: Int
    /// Jobs it has, or may have: those on their way and those of unknown outcome count.
    package var inFlight = 0
    package var gate: RateGate
    /// Calls: does it answer at all?
    package var door: CircuitBreaker
    /// Generations, by kind: does it do the work?
    package var kinds: [RequestKind: CircuitBreaker] = [:]
    package var durations: [RequestKind: MovingMedian] = [:]
    /// What it last did wrong, for whoever looks after it.
    package internal(set) var lastFault: Evidence?
    package internal(set) var lastFaultAt: Instant?
    let breaker: CircuitBreaker.Settings

    package init(
        isEnabled: Bool, concurrency: Int, rate: RateGate.Rate? = nil,
        breaker: CircuitBreaker.Settings = CircuitBreaker.Settings()
    ) {
        self.isEnabled = isEnabled
        self.concurrency = concurrency
        self.breaker = breaker
        gate = RateGate(rate)
        door = CircuitBreaker(breaker)
    }

    /// Why a submit cannot go to it now.
    package enum Obstacle: Hashable, Sendable {
        case disabled
        /// The breaker is open; `why` as it was noted.
        case broken(until: Instant, why: String)
        /// It asked us to wait, or our share of calls is used up.
        case resting(until: Instant)
        /// It has as many jobs as it may.
        case full

        /// When to look again, if that can be said.
        package var until: Instant? {
            switch self {
            case .broken(let until, _), .resting(let until): until
            case .disabled, .full: nil
            }
        }
    }

    package var isOn: Bool { override ?? isEnabled }
    /// By the config, or because an operator switched it on. One that an operator switched off for now is still waited for.
    package var mayBeAsked: Bool { isEnabled || override == true }

    package func obstacle(for kind: RequestKind, at now: Instant) -> Obstacle? {
        guard isOn else { return .disabled }
        if let until = door.obstacle(at: now) { return .broken(until: until, why: door.reason ?? "it keeps failing") }
        if let breaker = kinds[kind], let until = breaker.obstacle(at: now) {
            return .broken(until: until, why: breaker.reason ?? "such jobs keep failing")
        }
        if inFlight >= concurrency { return .full }
        // One call is left for looking at what runs already.
        if let until = gate.obstacle(at: now, keeping: inFlight > 0 ? 1 : 0) { return .resting(until: until) }
        return nil
    }

    /// Whether it could take some job now.
    package func hasRoom(at now: Instant) -> Bool {
        isOn && inFlight < concurrency && door.obstacle(at: now) == nil
            && gate.obstacle(at: now, keeping: inFlight > 0 ? 1 : 0) == nil
    }

    /// When it could take a job again, if only time stands in the way.
    package func opening(after now: Instant) -> Instant? {
        guard isOn, inFlight < concurrency else { return nil }
        return [door.obstacle(at: now), gate.obstacle(at: now, keeping: inFlight > 0 ? 1 : 0)].compactMap { $0 }.max()
    }

    /// On as far as anybody decided, but of no use now.
    package func isOut(at now: Instant) -> Bool {
        isEnabled && (!isOn || door.obstacle(at: now) != nil || gate.obstacle(at: now) != nil)
    }

    /// A submit goes to it.
    package mutating func begin(_ kind: RequestKind, at now: Instant) {
        gate.take(at: now)
        door.begin(at: now)
        kinds[kind]?.begin(at: now)
    }

    /// The submit was never made, or turned away with no word on how such jobs do: the next may be the probe.
    package mutating func cancel(_ kind: RequestKind) {
        door.cancel()
        kinds[kind]?.cancel()
    }

    /// It took a job.
    package mutating func accepted(at now: Instant) {
        door.succeed(at: now)
        gate.resume()
    }

    package mutating func generationSucceeded(_ kind: RequestKind, after duration: Duration, at now: Instant) {
        kinds[kind]?.succeed(at: now)
        durations[kind, default: MovingMedian()].add(duration)
    }

    package mutating func generationFailed(_ kind: RequestKind, because reason: String, at now: Instant) {
        kinds[kind, default: CircuitBreaker(breaker)].fail(at: now, because: reason)
    }

    package mutating func forgive() {
        door = CircuitBreaker(breaker)
        kinds = [:]
    }

    /// How long such a job takes here: as measured, else nil.
    package func usual(_ kind: RequestKind) -> Duration? { durations[kind]?.median }
}

/// The middle of the last few durations: one slow job does not move it.
package struct MovingMedian: Hashable, Sendable {
    private static let span = 31
    private var recent: [Duration] = []
    private var next = 0
    /// Found when one is added: it is asked far more often.
    package private(set) var median: Duration?

    package init() {}

    package mutating func add(_ duration: Duration) {
        if recent.count < Self.span {
            recent.append(duration)
        } else {
            recent[next] = duration
            next = (next + 1) % Self.span
        }
        median = recent.sorted()[recent.count / 2]
    }
}
