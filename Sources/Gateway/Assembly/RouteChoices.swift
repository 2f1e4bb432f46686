import API
import Domain
import Store
import Work

/// Work's decision about a request, in the front's words: who could take it first, then who cannot and why.
struct RouteChoices {
    let route: Route
    let request: GenerationRequest
    let shop: Workshop

    /// The first that can take it, now or when it has room, if it is on.
    var taker: RouteChoice? {
        guard let id = route.choices.first ?? route.waiting.first, let desk = shop.desk(id), shop.board.isOn(id)
        else { return nil }
        return choice(id, desk, inTheWay: route.exclusions.filter { $0.provider == id })
    }

    var all: [RouteChoice] {
        // Whom the request did not ask for is not in its way.
        let exclusions = route.exclusions.filter { $0.reason != .notAsked }
        var order = route.choices + route.waiting
        for exclusion in exclusions where !order.contains(exclusion.provider) { order.append(exclusion.provider) }
        return order.compactMap { id in
            shop.desk(id).map { choice(id, $0, inTheWay: exclusions.filter { $0.provider == id }) }
        }
    }

    private func choice(_ id: ProviderID, _ desk: any Desk, inTheWay: [Exclusion]) -> RouteChoice {
        let kind = RequestKind(request.parameters)
        return RouteChoice(
            provider: id,
            obstacles: inTheWay.map { exclusion in
                var parameter: Parameter?
                if case .cannot(let named) = exclusion.reason { parameter = named }
                return .init(
                    parameter: parameter?.rawValue, message: exclusion.message, isTemporary: exclusion.isTemporary)
            },
            // Nobody bends a request for a provider that cannot take it anyhow.
            adjustments: inTheWay.allSatisfy(\.isTemporary) ? desk.adjustments(of: request) : [],
            typicalDuration: shop.board.usual(kind, at: id) ?? desk.typical(kind), isOff: !shop.board.isOn(id))
    }
}

/// How long a task may still take, from what such jobs took lately, or take there as a rule. Nothing is promised.
struct TimeLeft {
    private let shop: Workshop

    init(_ shop: Workshop) { self.shop = shop }

    /// On the way of each status read: what it needs of the task is read in place.
    func of(_ found: RenderedTask, at now: Instant) -> Duration? {
        var longest: Duration?
        for index in found.task.slots.indices where !found.task.slots[index].state.isFinal {
            switch found.task.slots[index].state {
            // An earlier try says nothing of when the next one begins.
            case .queued: continue
            // Nobody can tell when it will be known what became of it.
            case .unknown: return nil
            default: break
            }
            guard let provider = found.task.slots[index].attempt?.provider,
                let began = found.task.slots[index].attempt?.beganAt,
                let usual = usual(RequestKind(found.task.request.parameters), at: provider)
            else { continue }
            let left = usual - (now - began)
            // A little late is nearly done; half as long again as usual is anybody's guess.
            if left < .zero - usual / 2 { return nil }
            longest = max(longest ?? .zero, max(.seconds(1), left))
        }
        return longest
    }

    /// Until the first such job is done there, nothing is measured.
    private func usual(_ kind: RequestKind, at provider: ProviderID) -> Duration? {
        shop.board.usual(kind, at: provider) ?? shop.desk(provider).map { shop.settings.pace.wait($0.typical(kind)) }
    }
}
