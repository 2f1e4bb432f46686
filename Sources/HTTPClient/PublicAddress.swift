import HTTP

/// Which addresses belong to the public Internet: everything else is somebody's inside.
///
/// IPv4 names what is not public. IPv6 names what is: of 128 bits only 2000::/3 is handed out (RFC 4291 §2.4), so a
/// form nobody thought of is refused. IPv4 inside IPv6 (`::ffff:a.b.c.d`) is the IPv4 address to `NetworkAddress`.
enum PublicAddress {
    static func contains(_ address: NetworkAddress) -> Bool {
        if address.isUnix { return false }
        if address.isV4 { return !closedV4.contains { $0.contains(address) } }
        return openV6.contains(address) && !closedV6.contains { $0.contains(address) }
    }

    /// The special-purpose registry (RFC 6890 and its updates) with multicast and what is reserved.
    static let closedV4 = ranges([
        "0.0.0.0/8",  // this network; Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",  // private
        "100.64.0.0/10",  // behind a carrier's NAT; some clouds keep metadata here
        "127.0.0.0/8",  // loopback
        "169.254.0.0/16",  // link-local; most clouds keep metadata here
        "172.16.0.0/12",  // private
        "192.0.0.0/24",  // protocol assignments; Oracle's metadata
        "192.0.2.0/24",  // documentation
        "192.88.99.0/24",  // 6to4 relay
        "192.168.0.0/16",  // private
        "198.18.0.0/15",  // benchmarks
        "198.51.100.0/24",  // documentation
        "203.0.113.0/24",  // documentation
        "224.0.0.0/4",  // multicast
        "240.0.0.0/4",  // reserved, and broadcast
    ])

    static let openV6 = ranges(["2000::/3"])[0]

    /// What carries an IPv4 address or leads nowhere, inside the part that is handed out.
    static let closedV6 = ranges([
        "2001::/23",  // protocol assignments, Teredo among them
        "2001:db8::/32",  // documentation
        "2002::/16",  // 6to4
        "3fff::/20",  // documentation
    ])

    private static func ranges(_ texts: [String]) -> [AddressRange] {
        texts.map { text in
            guard let range = AddressRange(text) else { preconditionFailure("\(text) is not a range of addresses") }
            return range
        }
    }
}
