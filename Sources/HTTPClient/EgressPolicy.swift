import HTTP

/// Where the gateway may send: one value, one function, asked when an address is given to us, when a connection is
/// opened, and again before every request on a connection that was kept.
///
/// The operator makes it from the configuration; no tenant can change it. What decides first:
///
/// 1. a port that speaks another protocol is refused, everywhere;
/// 2. our own listeners are refused, even inside an allowed range: allowing `127.0.0.0/8` is meant for the services
///    beside us, and a gateway that calls itself lets a tenant borrow its address;
/// 3. `denied` is refused, even if it is public or allowed;
/// 4. `allowed` is let through;
/// 5. the public Internet is let through, everything else is refused.
package struct EgressPolicy: Sendable, Equatable {
    /// Ranges let through although they are not public (`network.allow`).
    package var allowed: [AddressRange]
    /// Ranges refused although they are public or allowed (`network.deny`).
    package var denied: [AddressRange]
    /// Whether plain `http` may be used at all. Off unless the operator says so.
    package var allowsPlainHTTP: Bool
    /// Where we listen ourselves. The port counts: any address of this machine with one of these ports is us.
    package var ownListeners: [NetworkAddress]
    /// How the world reaches us (from `public_url`), in lower case: a proxy before us is us too. `host:port`, or
    /// `host` alone for the ports of http and https.
    package var ownNames: Set<String>

    package init(
        allowed: [AddressRange] = [], denied: [AddressRange] = [], allowsPlainHTTP: Bool = false,
        ownListeners: [NetworkAddress] = [], ownNames: Set<String> = []
    ) {
        self.allowed = allowed
        self.denied = denied
        self.allowsPlainHTTP = allowsPlainHTTP
        self.ownListeners = ownListeners
        self.ownNames = ownNames
    }

    package enum Verdict: Sendable, Hashable {
        case allowed
        case refused(Refusal)
    }

    /// Why an address is refused. For the operator's log only: to a tenant all of these are the same answer.
    package enum Refusal: String, Sendable, Hashable {
        case port = "the port speaks another protocol"
        case ownListener = "the gateway itself listens there"
        case denied = "network.deny names the range"
        case notPublic = "not a public address, and network.allow does not name the range"
        case notInternet = "not an Internet address"
    }

    /// Judges an address with its port. The only place where this is decided.
    package func verdict(for address: NetworkAddress) -> Verdict {
        if address.isUnix { return .refused(.notInternet) }
        if RefusedPorts.contains(address.port) { return .refused(.port) }
        if ownListeners.contains(where: { $0.port == address.port }), isThisMachine(address) {
            return .refused(.ownListener)
        }
        if denied.contains(where: { $0.contains(address) }) { return .refused(.denied) }
        if allowed.contains(where: { $0.contains(address) }) { return .allowed }
        return PublicAddress.contains(address) ? .allowed : .refused(.notPublic)
    }

    /// Whether a host, in lower case, is how the world reaches us.
    func isOwnName(_ host: String, port: UInt16) -> Bool {
        if ownNames.isEmpty { return false }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        return ownNames.contains("\(name):\(port)") || ((port == 443 || port == 80) && ownNames.contains(name))
    }

    private func isThisMachine(_ address: NetworkAddress) -> Bool {
        let isSelf = { (other: NetworkAddress) in other.high == address.high && other.low == address.low }
        return ownListeners.contains(where: isSelf) || LocalAddresses.contains(address)
    }
}

/// Ports at which something listens that reads a request's bytes as commands of its own: the bad ports of the Fetch
/// standard (fetch.spec.whatwg.org, "port blocking"), and 0, which is no port.
enum RefusedPorts {
    static func contains(_ port: UInt16) -> Bool { ports.contains(port) }

    private static let ports: Set<UInt16> = [
        0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
        110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
        531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190,
        5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
    ]
}
