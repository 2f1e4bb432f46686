import Domain
import Providers

extension Configuration {
    /// What is wrong with values that are right one by one.
    func contradictions(isService: Bool = true) -> [ConfigurationFault] {
        var faults: [ConfigurationFault] = []
        // The default that another value does not go with is nobody's line.
        func fault(_ key: String, with other: String? = nil, _ message: String) {
            let origins = [key, other].compactMap { key in effective.first { $0.key == key }?.origin }
            let origin = origins.first { $0 != .standard } ?? origins.first
            faults.append(ConfigurationFault(origin: origin, key: key, message: message))
        }
        for id in Self.providerIDs where id != .sandbox {
            guard let provider = providers[id], provider.isEnabled == true else { continue }
            let key = Self.keySetting(id)
            if let secret = provider.key {
                if let weakness = secret.weakness { fault(key, "\(weakness); set the key that \(id) gave you") }
            } else if isService {
                let enabled = effective.first { $0.key == "providers.\(id.rawValue).enabled" }
                let place = enabled.map { " (enabled by \($0.origin))" } ?? ""
                fault(key, "\(id) is enabled\(place) but has no key; \(wayToSetKey(of: id))")
            }
        }
        if !Self.providerIDs.contains(where: isEnabled) {
            fault("providers.sandbox.enabled", "no provider is enabled, so no work could be done; enable one")
        }
        if (tls.certificate == nil) != (tls.key == nil) {
            fault(
                tls.key == nil ? "tls.certificate" : "tls.key",
                "needs \(tls.key == nil ? "tls.key" : "tls.certificate") beside it")
        }
        if assets.longestTTL < assets.ttl {
            fault(
                "assets.max_ttl", with: "assets.ttl",
                "must not be less than assets.ttl (\(assets.ttl.inSeconds.plain) s)")
        }
        if polling.longest < polling.shortest {
            fault(
                "polling.longest", with: "polling.shortest",
                "must not be less than polling.shortest (\(polling.shortest.inSeconds.plain) s)")
        }
        if routing.breaker.longestPause < routing.breaker.pause {
            fault(
                "routing.breaker.longest_pause", with: "routing.breaker.pause",
                "must not be less than routing.breaker.pause")
        }
        if listen.isEmpty { fault("listen", "must name at least one address") }
        if webhooks.schedule.isEmpty { fault("webhooks.schedule", "must have at least one attempt") }
        if firstRun.account.isEmpty { fault("first_run.account", "must not be empty") }
        let all = [("listen", listen), ("admin.listen", adminListen), ("metrics.listen", metrics.listen)]
            .flatMap { key, addresses in addresses.map { (key: key, address: $0) } }
        for (index, second) in all.enumerated() where !second.address.hasSuffix(":0") {
            guard let first = all[..<index].first(where: { $0.address == second.address }) else { continue }
            let place = first.key == second.key ? "" : ", here and in \(first.key)"
            fault(second.key, with: first.key, "\(second.address) is named twice\(place)")
        }
        return faults + (isService ? faultsInFiles() : [])
    }

    private static func keySetting(_ id: ProviderID) -> String { "providers.\(id.rawValue).api_key" }

    /// What to do so that `id` has a key, as the end of a sentence.
    func wayToSetKey(of id: ProviderID) -> String {
        let key = Self.keySetting(id)
        guard let variable = unset[key] else {
            return "set \(key) to \"${\(Self.keyVariable(id))}\", and that variable"
        }
        return "set \(variable) in the environment, or \(variable)_FILE to a file that holds it"
    }

    /// The variable that the embedded defaults take a key from: a name cannot begin with a digit, and fal's own
    /// clients call theirs so.
    private static func keyVariable(_ id: ProviderID) -> String {
        switch id {
        case "3daistudio": "THREEDAISTUDIO_API_KEY"
        case "fal": "FAL_KEY"
        default: id.rawValue.uppercased() + "_API_KEY"
        }
    }
}
