import Domain
import Providers

extension Configuration {
    /// What is wrong with values that are right one by one. A command that only asks a gateway, or its data, needs no
    /// provider's key: those are in the service's environment, and an operator's shell has none of it.
    func contradictions(missingKeys: Bool = true) -> [ConfigurationFault] {
        var faults: [ConfigurationFault] = []
        func fault(_ key: String, _ message: String) {
            let origin = effective.first { $0.key == key }?.origin
            faults.append(ConfigurationFault(origin: origin, key: key, message: message))
        }
        for id in Self.providerIDs where id != .sandbox {
            guard let provider = providers[id] else { continue }
            let key = "providers.\(id.rawValue).api_key"
            let name = effective.first { $0.key == "providers.\(id.rawValue).enabled" }
            guard provider.isEnabled == true else { continue }
            if let secret = provider.key {
                if let weakness = secret.weakness { fault(key, "\(weakness); set the key that \(id) gave you") }
            } else if missingKeys {
                let variable = Self.keyVariable(id)
                let place = name.map { " (enabled by \($0.origin))" } ?? ""
                fault(
                    key,
                    "\(id) is enabled\(place) but has no key; set \(variable) in the environment, or "
                        + "\(variable)_FILE to a file that holds it")
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
            fault("assets.max_ttl", "must not be less than assets.ttl (\(assets.ttl.inSeconds.plain) s)")
        }
        if polling.longest < polling.shortest {
            fault("polling.longest", "must not be less than polling.shortest (\(polling.shortest.inSeconds.plain) s)")
        }
        if routing.breaker.longestPause < routing.breaker.pause {
            fault("routing.breaker.longest_pause", "must not be less than routing.breaker.pause")
        }
        if listen.isEmpty { fault("listen", "must name at least one address") }
        if webhooks.schedule.isEmpty { fault("webhooks.schedule", "must have at least one attempt") }
        if firstRun.account.isEmpty { fault("first_run.account", "must not be empty") }
        let all = listen + adminListen + metrics.listen
        for (index, address) in all.enumerated() where all[..<index].contains(address) && !address.hasSuffix(":0") {
            fault("listen", "\(address) is named twice, here or in admin.listen or metrics.listen")
        }
        return faults
    }

    /// The variable that the embedded defaults take a key from: a name cannot begin with a digit, and fal's own
    /// clients call theirs so.
    static func keyVariable(_ id: ProviderID) -> String {
        switch id {
        case "3daistudio": "THREEDAISTUDIO_API_KEY"
        case "fal": "FAL_KEY"
        default: id.rawValue.uppercased() + "_API_KEY"
        }
    }
}
