import Glibc
import HTTP

/// The addresses that lead to this machine.
enum LocalAddresses {
    /// Asked only for a port of ours, so the interfaces are read anew each time: they come and go.
    static func contains(_ address: NetworkAddress) -> Bool {
        if address.isV4 {
            let first = address.low >> 24 & 0xff
            if first == 127 || first == 0 { return true }
        } else if address.high == 0, address.low <= 1 {
            return true
        }
        var list: UnsafeMutablePointer<ifaddrs>?
        // Without a list every address might be ours: refusing is the safe side.
        guard getifaddrs(&list) == 0 else { return true }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next?.pointee {
            if let pointer = entry.ifa_addr, let mine = NetworkAddress(pointer),
                mine.high == address.high, mine.low == address.low
            {
                return true
            }
            next = entry.ifa_next
        }
        return false
    }
}

extension NetworkAddress {
    /// Reads a socket address of the Internet families; `nil` for any other family.
    init?(_ pointer: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(pointer)
        switch Int32(pointer.pointee.sa_family) {
        case AF_INET:
            let address = raw.loadUnaligned(as: sockaddr_in.self)
            self.init(v4: UInt32(bigEndian: address.sin_addr.s_addr), port: UInt16(bigEndian: address.sin_port))
        case AF_INET6:
            let address = raw.loadUnaligned(as: sockaddr_in6.self)
            self.init(address.sin6_addr, port: UInt16(bigEndian: address.sin6_port))
        default:
            return nil
        }
    }

    init(_ address: in6_addr, port: UInt16 = 0) {
        let (high, low) = withUnsafeBytes(of: address) {
            ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low), port: port)
    }
}
