import HTTP

/// Where to listen: `127.0.0.1:8080`, `[::1]:8080`, `:8080` (every address), or `unix:/run/gateway.sock`.
package enum ListenAddress: Sendable, Hashable {
    case tcp(NetworkAddress)
    case unix(path: String)

    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            // The kernel's sun_path holds 108 bytes with its terminating zero.
            guard !path.isEmpty, path.utf8.count < 108, !path.utf8.contains(0) else { return nil }
            self = .unix(path: path)
            return
        }
        if text.hasPrefix(":"), let port = UInt16(text.dropFirst()) {
            self = .tcp(NetworkAddress(high: 0, low: 0, port: port))
            return
        }
        var text = text
        if text.hasPrefix("localhost:") { text = "127.0.0.1" + text.dropFirst(9) }
        guard text.utf8.last != UInt8(ascii: "]"), text.utf8.contains(UInt8(ascii: ":")),
            let address = NetworkAddress(text), !text.hasPrefix("::")
        else { return nil }
        self = .tcp(address)
    }
}

extension ListenAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tcp(let address):
            address.isV4 ? "\(address.description):\(address.port)" : "[\(address.description)]:\(address.port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
