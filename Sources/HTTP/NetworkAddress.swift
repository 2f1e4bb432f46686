/// An IP address and port, or a Unix socket. IPv4 is kept in its mapped form (`::ffff:a.b.c.d`), so one comparison
/// serves both families.
package struct NetworkAddress: Sendable, Hashable {
    package let high: UInt64
    package let low: UInt64
    package let port: UInt16
    package let isUnix: Bool

    package init(high: UInt64, low: UInt64, port: UInt16 = 0) {
        self.high = high
        self.low = low
        self.port = port
        isUnix = false
    }

    /// Four bytes, most significant first.
    package init(v4 address: UInt32, port: UInt16 = 0) {
        self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address), port: port)
    }

    private init(unix: Bool) {
        high = 0
        low = 0
        port = 0
        isUnix = unix
    }

    package static let unix = NetworkAddress(unix: true)
    package static let unknown = NetworkAddress(high: 0, low: 0)

    package var isV4: Bool { high == 0 && low >> 32 == 0xffff }

    /// What connections are counted by: a whole IPv4 address, or the /64 that an IPv6 customer gets.
    package var neighbourhood: UInt64 { isV4 ? low : high }

    /// Reads `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]:443` or `192.0.2.1:80`.
    package init?(_ text: String) {
        var host = Substring(text)
        var port: UInt16 = 0
        if host.first == "[" {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            if !rest.isEmpty {
                guard rest.first == ":", let number = UInt16(rest.dropFirst()) else { return nil }
                port = number
            }
            host = host[host.index(after: host.startIndex)..<end]
            guard host.contains(":") else { return nil }
        } else if let colon = host.firstIndex(of: ":"), host.lastIndex(of: ":") == colon {
            guard let number = UInt16(host[host.index(after: colon)...]) else { return nil }
            port = number
            host = host[..<colon]
        }
        if host.contains(":") {
            guard let (high, low) = Self.v6(host) else { return nil }
            self.init(high: high, low: low, port: port)
        } else {
            guard let address = Self.v4(host) else { return nil }
            self.init(v4: address, port: port)
        }
    }

    /// Dotted decimal with exactly four numbers and no leading zeros, which some readers take for octal.
    private static func v4(_ text: Substring) -> UInt32? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard part.count <= 3, part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
                let number = UInt8(Substring(part))
            else { return nil }
            address = address << 8 | UInt32(number)
        }
        return address
    }

    private static func v6(_ text: Substring) -> (UInt64, UInt64)? {
        var groups: [UInt16] = []
        var gap: Int?
        var rest = text
        if rest.hasPrefix("::") {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            let part = rest[..<end]
            if part.contains(".") {
                guard end == rest.endIndex, let address = v4(part) else { return nil }
                groups += [UInt16(address >> 16), UInt16(truncatingIfNeeded: address)]
                break
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ hexValue($0) != nil }),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
            rest = rest[end...].dropFirst()
            if end != text.endIndex, rest.isEmpty { return nil }
            if rest.first == ":" {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst()
            }
        }
        guard gap == nil ? groups.count == 8 : groups.count < 8 else { return nil }
        if let gap { groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap) }
        let words = groups.map { UInt64($0) }
        return (
            words[0] << 48 | words[1] << 32 | words[2] << 16 | words[3],
            words[4] << 48 | words[5] << 32 | words[6] << 16 | words[7]
        )
    }
}

extension NetworkAddress: CustomStringConvertible {
    /// The address without its port, as logs and limits want it.
    package var description: String {
        if isUnix { return "unix" }
        if isV4 { return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)" }
        let groups = [high >> 48, high >> 32, high >> 16, high, low >> 48, low >> 32, low >> 16, low]
            .map { UInt16(truncatingIfNeeded: $0) }
        // The longest run of at least two zero groups becomes `::` (RFC 5952 §4.2).
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start >= 2, index - start > best.count { best = start..<index }
            start = index + 1
        }
        let text = { (range: Range<Int>) in
            groups[range].map { String($0, radix: 16) }.joined(separator: ":")
        }
        return best.isEmpty ? text(0..<8) : text(0..<best.lowerBound) + "::" + text(best.upperBound..<8)
    }
}

/// A block of addresses in CIDR notation, such as `10.0.0.0/8`.
package struct AddressRange: Sendable, Hashable {
    package let base: NetworkAddress
    /// How many leading bits must agree, counted over the 128 of the mapped form.
    package let prefixLength: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = NetworkAddress(String(parts[0])), base.port == 0 else { return nil }
        let width = base.isV4 ? 32 : 128
        var length = width
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...width).contains(number) else { return nil }
            length = number
        }
        self.base = base
        prefixLength = length + 128 - width
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        guard !address.isUnix else { return false }
        let highBits = min(prefixLength, 64)
        let lowBits = prefixLength - highBits
        let highMask = highBits == 0 ? 0 : ~UInt64(0) << UInt64(64 - highBits)
        let lowMask = lowBits == 0 ? 0 : ~UInt64(0) << UInt64(64 - lowBits)
        return (address.high ^ base.high) & highMask == 0 && (address.low ^ base.low) & lowMask == 0
    }
}
