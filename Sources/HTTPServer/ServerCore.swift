import HTTP

/// What the loops of one server share; all of it is safe from any thread.
final class ServerCore: Sendable {
    let configuration: ServerConfiguration
    let limits: ServerLimits
    let handler: any HTTPHandler
    let registry: ConnectionRegistry
    let budget: BodyBudget
    let tls: Locked<TLSContext?>
    let seating: Seating
    /// One of each loop, in order.
    let mailboxes: [Mailbox]

    init(
        configuration: ServerConfiguration, limits: ServerLimits, handler: any HTTPHandler, tls: TLSContext?,
        mailboxes: [Mailbox]
    ) {
        self.configuration = configuration
        self.limits = limits
        self.handler = handler
        self.tls = Locked(tls)
        registry = ConnectionRegistry(
            limit: limits.connections, limitPerAddress: limits.connectionsPerAddress,
            refusedLimit: limits.refusedConnections)
        budget = BodyBudget(limit: limits.bodiesInMemoryBytes) { for mailbox in mailboxes { mailbox.post(.bodyRoom) } }
        self.mailboxes = mailboxes
        seating = Seating(loops: mailboxes.count, coresElsewhere: configuration.coresElsewhere)
    }

    func isTrusted(_ address: NetworkAddress) -> Bool {
        if address.isUnix { return configuration.trustsUnixPeers }
        return configuration.trustedProxies.contains { $0.contains(address) }
    }
}
