import API
import Domain
import Store
import Work

/// What keeps the gateway from taking work, each in a sentence that says what to do.
struct Readiness {
    let configuration: Configuration
    let health: StoreHealth
    let reconciling: String?
    let assetBytes: Int64
    let standings: [ProviderID: Standing]
    let isDraining: Bool
    let now: Instant

    var problems: [Problem] {
        var problems: [Problem] = []
        if isDraining { problems.append(Problem("draining", "the gateway is stopping")) }
        if let paused = health.paused, paused != reconciling {
            problems.append(Problem("ledger", "paid work is refused: \(paused)"))
        }
        if let reconciling { problems.append(Problem("store", reconciling)) }
        let room = Room(configuration.assets, directory: configuration.dataDirectory, usedBytes: assetBytes)
        if let objection = room.objection { problems.append(Problem("disk", objection)) }
        if !standings.values.contains(where: \.isOn) {
            problems.append(Problem("providers", "no provider is enabled"))
        } else if !standings.values.contains(where: { $0.isOn && $0.door.obstacle(at: now) == nil }) {
            problems.append(Problem("providers", "every enabled provider keeps failing; see `providers list`"))
        }
        return problems
    }
}
