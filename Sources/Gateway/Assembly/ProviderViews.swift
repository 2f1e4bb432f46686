import API
import Domain
import Providers
import Work

/// The providers as people are shown them: the catalog's tables, and how each stands just now.
struct ProviderViews {
    let standings: [ProviderID: Standing]
    let now: Instant

    /// The kind of request most ask for; its typical duration stands for the provider's.
    private static let usual = RequestKind(resolution: 1024, textures: false)
    /// What the tables say does not change, and every submit asks for the list of providers.
    private static let abilities = Dictionary(
        uniqueKeysWithValues: Provider.all.map { ($0.id, $0.rows.map(Self.ability)) })

    func all(_ configuration: Configuration) -> [ProviderView] {
        Provider.all.compactMap { provider -> ProviderView? in
            guard let standing = standings[provider.id] else { return nil }
            let measured = standing.usual(Self.usual)
            return ProviderView(
                id: provider.id, name: provider.name, isEnabled: standing.isOn, breaker: breaker(standing),
                typicalDuration: measured ?? provider.durations.typical(resolution: 1024, textures: false),
                abilities: Self.abilities[provider.id] ?? [], running: standing.inFlight,
                concurrency: standing.concurrency,
                costMicrodollars: configuration.providers[provider.id]?.costMicrodollars,
                lastFault: standing.lastFault, lastFaultAt: standing.lastFaultAt,
                note: standing.door.obstacle(at: now) == nil ? nil : standing.door.reason)
        }
    }

    private func breaker(_ standing: Standing) -> ProviderView.Breaker {
        switch standing.door.state(at: now) {
        case .closed: .closed
        case .open: .open
        case .halfOpen: .halfOpen
        }
    }

    private static func ability(_ row: Row) -> ProviderView.Ability {
        switch row.rule {
        case .sent(_, let accepted, _): .init(row.parameter, isSupported: true, words: accepted.words)
        case .picture: .init(row.parameter, isSupported: true, words: "PNG, JPEG or WebP")
        case .stages: .init(row.parameter, isSupported: true, words: "sets the three stages")
        case .oneForAllStages: .init(row.parameter, isSupported: true, words: "the three stages must agree")
        case .resolution: .init(row.parameter, isSupported: true, words: "what resolution says")
        case .gateway(let how): .init(row.parameter, isSupported: true, words: how)
        case .fixed(let value, let reason):
            .init(
                row.parameter, isSupported: false,
                words: reason + (value.map { "; it does what \($0) means" } ?? ""))
        }
    }
}
