import Domain

/// Who could take a request, in which order, and why the others cannot. Pure: the same answer serves the
/// dispatcher and a quote.
package struct Routing: Sendable {
    package var settings: RoutingSettings

    package init(_ settings: RoutingSettings) { self.settings = settings }

    /// One provider, as far as the choice depends on it.
    package struct Candidate: Sendable {
        package let provider: ProviderID
        /// What its table says stands in the way of this request; empty: nothing.
        package let refusals: [Refusal]
        package let standing: Standing
        /// What such a job costs us there, in millionths of a US dollar.
        package let cost: Int64?
        /// How long such a job takes there, as far as it is known.
        package let usual: Duration

        package init(
            _ provider: ProviderID, refusals: [Refusal] = [], standing: Standing, cost: Int64? = nil,
            usual: Duration = .zero
        ) {
            self.provider = provider
            self.refusals = refusals
            self.standing = standing
            self.cost = cost
            self.usual = usual
        }
    }

    package struct Refusal: Hashable, Sendable {
        package let parameter: Parameter?
        package let message: String

        package init(parameter: Parameter?, message: String) {
            self.parameter = parameter
            self.message = message
        }
    }

    /// What of the request's history matters: nothing, for a quote.
    package struct History: Hashable, Sendable {
        package var spent: [ProviderID] = []
        package var last: ProviderID?

        package init() {}

        package init(_ slot: Slot) {
            spent = slot.spent
            last = slot.attempt?.provider
        }
    }

    package func route(
        _ request: GenerationRequest, allowed: [ProviderID]?, history: History = History(),
        among candidates: [Candidate], at now: Instant, random: inout some RandomNumberGenerator
    ) -> Route {
        let kind = RequestKind(request.parameters)
        var able: [Candidate] = []
        var exclusions: [Exclusion] = []
        for candidate in candidates {
            if let exclusion = permanent(candidate, request, allowed: allowed, history: history) {
                exclusions += exclusion
            } else {
                able.append(candidate)
            }
        }
        var ordered = order(able, for: request, random: &random)
        // The sandbox makes pretend models: it never stands in for a provider that makes real ones.
        if case .auto = request.choice, let sandbox = ordered.firstIndex(where: { $0.provider == .sandbox }) {
            let isFirst = settings.order.first == .sandbox && history.last ?? .sandbox == .sandbox
            if !isFirst, candidates.contains(where: { $0.provider != .sandbox && $0.standing.isEnabled }) {
                ordered.remove(at: sandbox)
                exclusions.append(Exclusion(.sandbox, .notAsked, "the sandbox never stands in for another provider"))
            }
        }
        if !mayFallBack(request), let first = history.last ?? ordered.first?.provider {
            for other in ordered where other.provider != first {
                exclusions.append(Exclusion(other.provider, .notAsked, "fallback is off"))
            }
            ordered.removeAll { $0.provider != first }
        }
        var route = Route(exclusions: exclusions)
        for candidate in ordered {
            if let obstacle = candidate.standing.obstacle(for: kind, at: now) {
                route.waiting.append(candidate.provider)
                route.exclusions.append(Exclusion(candidate.provider, obstacle))
            } else {
                route.choices.append(candidate.provider)
            }
        }
        return route
    }

    package func mayFallBack(_ request: GenerationRequest) -> Bool { request.fallback && settings.fallback }

    /// Why it can never take this request, in this state of the config; nil if it can.
    private func permanent(
        _ candidate: Candidate, _ request: GenerationRequest, allowed: [ProviderID]?, history: History
    ) -> [Exclusion]? {
        let id = candidate.provider
        if case .only(let wanted) = request.choice, !wanted.contains(id) {
            return [Exclusion(id, .notAsked, "the request names other providers")]
        }
        if let allowed, !allowed.contains(id) {
            return [Exclusion(id, .notAllowed, "this account may not use it")]
        }
        if !candidate.standing.mayBeAsked {
            return [Exclusion(id, .disabled, "it is not enabled")]
        }
        if !candidate.refusals.isEmpty {
            return candidate.refusals.map { Exclusion(id, .cannot($0.parameter), $0.message) }
        }
        if history.spent.contains(id) { return [Exclusion(id, .spent, "it had its turn")] }
        return nil
    }

    private func order(
        _ candidates: [Candidate], for request: GenerationRequest, random: inout some RandomNumberGenerator
    ) -> [Candidate] {
        if case .only(let wanted) = request.choice {
            return wanted.compactMap { id in candidates.first { $0.provider == id } }
        }
        let byConfig = candidates.enumerated().sorted { left, right in
            let places = (place(left.element.provider), place(right.element.provider))
            return places.0 == places.1 ? left.offset < right.offset : places.0 < places.1
        }.map(\.element)
        switch settings.strategy {
        case .priority: return byConfig
        case .cheapest: return sorted(byConfig) { $0.cost ?? .max }
        case .fastest: return sorted(byConfig) { $0.usual }
        case .weighted: return drawn(byConfig, random: &random)
        }
    }

    private func place(_ provider: ProviderID) -> Int {
        settings.order.firstIndex(of: provider) ?? settings.order.count
    }

    /// Stable: equals stay in the order of the config.
    private func sorted<Key: Comparable>(_ candidates: [Candidate], by key: (Candidate) -> Key) -> [Candidate] {
        candidates.enumerated().sorted { left, right in
            let keys = (key(left.element), key(right.element))
            return keys.0 == keys.1 ? left.offset < right.offset : keys.0 < keys.1
        }.map(\.element)
    }

    /// Draws without putting back, so that who is drawn second is the one to fall back on.
    private func drawn(_ candidates: [Candidate], random: inout some RandomNumberGenerator) -> [Candidate] {
        var rest = candidates
        var drawn: [Candidate] = []
        while !rest.isEmpty {
            let weights = rest.map { max(0, settings.weights[$0.provider] ?? 1) }
            let total = weights.reduce(0, +)
            guard total > 0 else { return drawn + rest }
            var point = Double.random(in: 0..<total, using: &random)
            var index = 0
            while index < rest.count - 1, point >= weights[index] {
                point -= weights[index]
                index += 1
            }
            drawn.append(rest.remove(at: index))
        }
        return drawn
    }
}

/// The answer: whom to ask, in order; who could but not now; and a reason for everybody else.
package struct Route: Sendable {
    package fileprivate(set) var choices: [ProviderID] = []
    package fileprivate(set) var waiting: [ProviderID] = []
    package fileprivate(set) var exclusions: [Exclusion]

    /// Nobody will ever take it as things are configured.
    package var isHopeless: Bool { choices.isEmpty && waiting.isEmpty }

    /// When to look again, if all are out and that can be said.
    package var soonest: Instant? { exclusions.lazy.compactMap(\.until).min() }

    /// Nobody who could take it is merely busy: all of them are out.
    package var isOut: Bool {
        choices.isEmpty && !waiting.isEmpty && !exclusions.contains { $0.reason == .full }
    }
}

/// Why a provider is not asked.
package struct Exclusion: Hashable, Sendable {
    package enum Reason: Hashable, Sendable {
        case notAsked
        case notAllowed
        case disabled
        /// Its table says no, because of this parameter.
        case cannot(Parameter?)
        case spent
        /// Temporary: the breaker is open.
        case broken
        /// Temporary: it asked us to wait, or our rate is used up.
        case resting
        /// Temporary: it has as many jobs as it may.
        case full
    }

    package let provider: ProviderID
    package let reason: Reason
    package let message: String
    package let until: Instant?

    package var isTemporary: Bool {
        switch reason {
        case .broken, .resting, .full: true
        case .notAsked, .notAllowed, .disabled, .cannot, .spent: false
        }
    }

    package init(_ provider: ProviderID, _ reason: Reason, _ message: String, until: Instant? = nil) {
        self.provider = provider
        self.reason = reason
        self.message = message
        self.until = until
    }

    init(_ provider: ProviderID, _ obstacle: Standing.Obstacle) {
        switch obstacle {
        case .disabled: self.init(provider, .broken, "an operator has taken it out")
        case .broken(let until, let why): self.init(provider, .broken, "not asked for now: \(why)", until: until)
        case .resting(let until): self.init(provider, .resting, "it takes no more calls for now", until: until)
        case .full: self.init(provider, .full, "it has as many jobs as it may have at once")
        }
    }
}
