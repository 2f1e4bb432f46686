import CLinux
import Glibc
import HTTP

/// One bound socket, of one loop (TCP) or shared by all (Unix).
final class ListeningSocket: Sendable {
    let descriptor: Int32
    let label: String
    let usesTLS: Bool
    /// The address really bound, with the port the kernel chose if 0 was asked for.
    let address: ListenAddress
    /// Whether other loops listen on the same descriptor.
    let isShared: Bool

    /// The kernel's queue of connections not accepted yet; it cuts this to net.core.somaxconn.
    private static let backlog: Int32 = 4096

    init(_ listener: ServerConfiguration.Listener, isSibling: Bool = false) throws(ServerError) {
        label = listener.label
        usesTLS = listener.usesTLS
        switch listener.address {
        case .tcp(let wanted):
            isShared = false
            let socket = try Self.bindTCP(wanted, listener.address, isSibling: isSibling)
            descriptor = socket
            var bound = SocketAddress()
            guard bound.read({ getsockname(socket, $0, $1) }) else { throw ServerError("getsockname", errno) }
            let actual = bound.networkAddress
            address = .tcp(NetworkAddress(high: actual.high, low: actual.low, port: actual.port))
        case .unix(let path):
            isShared = true
            address = listener.address
            descriptor = try Self.bindUnix(path)
        }
        guard listen(descriptor, Self.backlog) == 0 else { throw ServerError(listeningOn: "\(address)", errno) }
    }

    deinit { close(descriptor) }

    /// Every loop has a queue of its own by SO_REUSEPORT. That option would also let another server of the same user
    /// share the port unnoticed (or give us another's port for port 0), so the first socket is bound without it, and
    /// only then opens the port to its siblings.
    private static func bindTCP(
        _ wanted: NetworkAddress, _ name: ListenAddress, isSibling: Bool
    ) throws(ServerError) -> Int32 {
        var address = SocketAddress(wanted)
        let descriptor = socket(address.family, Int32(linux_socket_flags), 0)
        guard descriptor >= 0 else { throw ServerError("socket", errno) }
        set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        // Accepted sockets inherit it, which saves a call for each.
        set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        if isSibling { set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
        guard address.lend({ bind(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            throw ServerError(listeningOn: "\(name)", code)
        }
        if !isSibling { set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
        return descriptor
    }

    /// A socket file left behind by a dead server is removed; one that answers is not.
    private static func bindUnix(_ path: String) throws(ServerError) -> Int32 {
        var address = SocketAddress(unixPath: path)
        let probe = socket(AF_UNIX, Int32(linux_socket_flags), 0)
        guard probe >= 0 else { throw ServerError("socket", errno) }
        let isAlive = address.lend { connect(probe, $0, $1) } == 0
        close(probe)
        if isAlive { throw ServerError(listeningOn: "unix:\(path)", EADDRINUSE) }
        unlink(path)
        let descriptor = socket(AF_UNIX, Int32(linux_socket_flags), 0)
        guard descriptor >= 0 else { throw ServerError("socket", errno) }
        guard address.lend({ bind(descriptor, $0, $1) }) == 0 else {
            let code = errno
            close(descriptor)
            throw ServerError(listeningOn: "unix:\(path)", code)
        }
        return descriptor
    }

    private static func set(_ descriptor: Int32, _ level: Int32, _ option: Int32) {
        var one: Int32 = 1
        setsockopt(descriptor, level, option, &one, 4)
    }
}
