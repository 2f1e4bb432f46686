import API
import Domain
import Work

/// Work's decision about a request, in the front's words: who could take it first, then who cannot and why.
struct RouteChoices {
    let all: [RouteChoice]

    init(_ route: Route, _ request: GenerationRequest, _ shop: Workshop) {
        let kind = RequestKind(request.parameters)
        // Whom the request did not ask for is not in its way.
        let exclusions = route.exclusions.filter { $0.reason != .notAsked }
        let obstacles = Dictionary(grouping: exclusions, by: \.provider)
        let order = route.choices + route.waiting + exclusions.map(\.provider)
        var seen: Set<ProviderID> = []
        all = order.filter { seen.insert($0).inserted }.compactMap { id in
            guard let desk = shop.desk(id) else { return nil }
            return RouteChoice(
                provider: id,
                obstacles: (obstacles[id] ?? []).map { exclusion in
                    var parameter: Parameter?
                    if case .cannot(let named) = exclusion.reason { parameter = named }
                    return .init(
                        parameter: parameter?.rawValue, message: exclusion.message,
                        isTemporary: exclusion.isTemporary)
                },
                adjustments: desk.adjustments(of: request),
                typicalDuration: shop.board[id]?.usual(kind) ?? desk.typical(kind))
        }
    }
}

/// How long a task may still take, from what such jobs took lately. Nothing is promised.
struct TimeLeft {
    private let standings: [ProviderID: Standing]

    init(_ standings: [ProviderID: Standing]) { self.standings = standings }

    func of(_ task: GenerationTask, at now: Instant) -> Duration? {
        let kind = RequestKind(task.request.parameters)
        let usual = task.slots.compactMap { slot -> Duration? in
            guard !slot.state.isFinal, let attempt = slot.attempt else { return nil }
            guard let usual = standings[attempt.provider]?.usual(kind) else { return nil }
            return max(.seconds(1), usual - (now - attempt.beganAt))
        }
        return usual.max()
    }
}
