import API
import Glibc
import HTTP
import HTTPServer

extension Configuration {
    /// Every address to listen on, with port 0 turned into a free one: signed addresses need the number before the
    /// server stands.
    func listeners() throws(StartFault) -> [ServerConfiguration.Listener] {
        var listeners: [ServerConfiguration.Listener] = []
        let named = [(listen, Listener.front), (adminListen, Listener.admin), (metrics.listen, Listener.metrics)]
        for (addresses, label) in named {
            for text in addresses {
                guard let address = ListenAddress(text) else { throw StartFault("\(text) is no address to listen on") }
                let isUnix = if case .unix = address { true } else { false }
                listeners.append(
                    .init(
                        try Self.fixed(address), label: label, usesTLS: tls.certificate != nil && !isUnix))
            }
        }
        let path = Gateway.controlSocket(in: dataDirectory)
        guard let control = ListenAddress("unix:" + path) else {
            throw StartFault("data_dir is too long a path for a socket in it: \(path) must be under 108 bytes")
        }
        return listeners + [.init(control, label: Listener.control)]
    }

    private static func fixed(_ address: ListenAddress) throws(StartFault) -> ListenAddress {
        guard case .tcp(let wanted) = address, wanted.port == 0 else { return address }
        // The kernel does not give the same number out again soon.
        let probe = socket(AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let family = probe >= 0 ? AF_INET6 : AF_INET
        let descriptor = probe >= 0 ? probe : socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw StartFault("socket: \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        // An unbound socket that listens is given a port by the kernel (ip(7)).
        var off: Int32 = 0
        if family == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, 4) }
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let isKnown = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.listen(descriptor, 1) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isKnown else { throw StartFault("no free port: \(String(cString: strerror(errno)))") }
        // The port stands at the same place in both kinds of address.
        let port = withUnsafeBytes(of: &storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
        return .tcp(NetworkAddress(high: wanted.high, low: wanted.low, port: port))
    }

    func server(_ listeners: [ServerConfiguration.Listener], log: Log) -> ServerConfiguration {
        var server = ServerConfiguration(listeners: listeners)
        server.limits.bodyBytes = limits.bodyBytes
        server.limits.connections = limits.connections
        server.limits.connectionsPerAddress = limits.connectionsPerAddress
        server.limits.bodiesInMemoryBytes = limits.bodiesInMemoryBytes
        if let certificate = tls.certificate, let key = tls.key {
            server.tls = .init(certificatePath: certificate, keyPath: key)
        }
        server.trustedProxies = trustedProxies
        server.accessLog = AccessLog(sampleEvery: logging.requestsEvery) { entry in
            // A 503 is said on purpose, and whatever is behind it has a line of its own.
            let level: Log.Level =
                entry.status == .serviceUnavailable ? .warning : entry.status.isServerError ? .error : .info
            log(
                level, "request", request: entry.id,
                [
                    "method": .text(entry.method.name), "path": .text(entry.path),
                    "status": LogValue(entry.status.code), "bytes": LogValue(entry.bodyBytes),
                    "duration_ms": .number(Double(entry.microseconds) / 1000), "client": "\(entry.client)",
                    "listener": .text(entry.listener),
                ])
        }
        server.errorBody = { refusal, id in
            API.refusal(refusal.status, code: refusal.code, message: refusal.message, for: id)
        }
        return server
    }
}

/// Why the gateway cannot start, in words for the operator.
struct StartFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
