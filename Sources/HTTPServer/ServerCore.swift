import HTTP

/// What the loops of one server share; all of it is safe from any thread.
final class ServerCore: Sendable {
    let configuration: ServerConfiguration
    let limits: ServerLimits
    let handler: any HTTPHandler
    let registry: ConnectionRegistry
    let budget: BodyBudget
    let tls: Locked<TLSContext?>

    init(
        configuration: ServerConfiguration, limits: ServerLimits, handler: any HTTPHandler, tls: TLSContext?,
        onBodyRoom: @escaping @Sendable () -> Void
    ) {
        self.configuration = configuration
        self.limits = limits
        self.handler = handler
        self.tls = Locked(tls)
        registry = ConnectionRegistry(
            limit: limits.connections, limitPerAddress: limits.connectionsPerAddress,
            refusedLimit: limits.refusedConnections)
        budget = BodyBudget(limit: limits.bodiesInMemoryBytes, onRelease: onBodyRoom)
    }

    func isTrusted(_ address: NetworkAddress) -> Bool {
        if address.isUnix { return configuration.trustsUnixPeers }
        return configuration.trustedProxies.contains { $0.contains(address) }
    }
}
