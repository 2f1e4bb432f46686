import API
import Domain
import Files
import Glibc
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
        if let paused = health.paused { problems.append(Problem("ledger", "paid work is refused: \(paused)")) }
        if let reconciling { problems.append(Problem("store", reconciling)) }
        if let disk { problems.append(Problem("disk", disk)) }
        if !standings.values.contains(where: \.isOn) {
            problems.append(Problem("providers", "no provider is enabled"))
        } else if !standings.values.contains(where: { $0.isOn && $0.door.obstacle(at: now) == nil }) {
            problems.append(Problem("providers", "every enabled provider keeps failing; see `providers list`"))
        }
        return problems
    }

    /// Why there is no room for new work. Some is always kept back for what is under way: the work is paid for, and
    /// its files must find a place.
    var disk: String? {
        let quota = Int64(configuration.assets.quotaBytes)
        let room = quota - min(Int64(configuration.assets.modelBytes), quota / 10)
        if assetBytes >= room {
            return "pictures and models take \(assetBytes) of the \(room) bytes that assets.quota_bytes leaves them"
        }
        guard let free = Self.freeBytes(configuration.dataDirectory), free < configuration.assets.reserveBytes else {
            return nil
        }
        return "\(free) bytes are free on the disk of \(configuration.dataDirectory), less than "
            + "assets.reserve_bytes = \(configuration.assets.reserveBytes)"
    }

    /// What an ordinary process may still write there.
    static func freeBytes(_ directory: String) -> Int64? {
        var facts = statvfs()
        guard statvfs(directory, &facts) == 0 else { return nil }
        return Int64(facts.f_bavail) * Int64(facts.f_frsize)
    }
}
