import Dispatch
import Glibc
import HTTP

/// An HTTP/1.1 server on sockets of its own.
///
///     let server = try HTTPServer(configuration: .init(address), handler: handler)
///     try server.start()
package final class HTTPServer: Sendable {
    private struct State {
        var core: ServerCore?
        var loops: [EventLoop] = []
        var addresses: [ServerConfiguration.Listener] = []
        var isFinished = false
    }

    private let configuration: ServerConfiguration
    private let handler: any HTTPHandler
    private let state = Locked(State())
    /// Entered once a loop, left when the loop has lost its last connection and stopped.
    private let running = DispatchGroup()

    package init(configuration: ServerConfiguration, handler: any HTTPHandler) {
        self.configuration = configuration
        self.handler = handler
    }

    /// Binds every listener and begins to serve; throws before anything is served if one cannot be bound or the
    /// certificate cannot be read.
    package func start() throws(ServerError) {
        // A client that leaves must not end the process; `send` is told so by a flag, `sendfile` and TLS by this.
        signal(SIGPIPE, SIG_IGN)
        let count = configuration.loops > 0 ? configuration.loops : max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let tls: TLSContext?
        if configuration.listeners.contains(where: \.usesTLS) {
            guard let files = configuration.tls else { throw ServerError("tls.certificate and tls.key are needed") }
            do throws(TLSFault) { tls = try TLSContext(files) } catch { throw ServerError(error) }
        } else {
            tls = nil
        }
        var mailboxes: [Mailbox] = []
        for _ in 0..<count { mailboxes.append(try Mailbox()) }
        let core = ServerCore(
            configuration: configuration, limits: Self.fitted(configuration.limits), handler: handler, tls: tls,
            mailboxes: mailboxes)
        let sockets = try Self.bind(configuration.listeners, loops: count)
        var loops: [EventLoop] = []
        for index in 0..<count {
            running.enter()
            loops.append(
                try EventLoop(
                    index: index, core: core, mailbox: mailboxes[index], listeners: sockets.map { $0[index] },
                    onEmpty: { [running] in running.leave() }))
        }
        state.withLock { state in
            state.core = core
            state.loops = loops
            state.addresses = zip(configuration.listeners, sockets).map { listener, sockets in
                .init(sockets[0].address, label: listener.label, usesTLS: listener.usesTLS)
            }
        }
        for loop in loops { loop.start() }
    }

    /// The addresses really bound, in the order configured; port 0 has become a number.
    package var listeners: [ServerConfiguration.Listener] { state.withLock { $0.addresses } }

    /// The port of the first TCP listener with this label, or of the first at all.
    package func port(of label: String? = nil) -> UInt16? {
        for listener in listeners where label == nil || listener.label == label {
            if case .tcp(let address) = listener.address { return address.port }
        }
        return nil
    }

    /// How many connections each loop has.
    package var seats: [Int] { state.withLock { $0.core }?.seating.taken ?? [] }

    /// Counters as of now.
    package var metrics: ServerMetrics {
        let (loops, core) = state.withLock { ($0.loops, $0.core) }
        var metrics = LoopCounters.snapshot(loops.map(\.counters))
        metrics.connectionsOpen = core?.registry.total ?? 0
        metrics.bodyBytesInMemory = core?.budget.bytesInUse ?? 0
        return metrics
    }

    /// Reads certificate and key again; new connections use them, old ones keep theirs. True when the certificate is
    /// another one. On an error nothing changes.
    @discardableResult
    package func reloadTLS() throws(ServerError) -> Bool {
        guard let files = configuration.tls, let core = state.withLock({ $0.core }) else { return false }
        let context: TLSContext
        do throws(TLSFault) { context = try TLSContext(files) } catch { throw ServerError(error) }
        return core.tls.withLock { current in
            defer { current = context }
            return current.map { !$0.isSame(as: context) } ?? true
        }
    }

    /// Stops accepting, and has every answer from now on say that it is its connection's last. Returns at once.
    package func beginDraining() {
        let loops = state.withLock { $0.loops }
        for loop in loops { loop.mailbox.post(.drain) }
    }

    /// Stops accepting, lets running requests finish for up to `seconds`, then closes what is left. True when
    /// nothing had to be cut off. Blocks the caller, which must not be a handler.
    @discardableResult
    package func drain(within seconds: Double) -> Bool {
        beginDraining()
        let isClean = running.wait(timeout: .now() + seconds) == .success
        stop()
        return isClean
    }

    /// Closes everything at once.
    package func stop() {
        let (loops, isFirst) = state.withLock { state in
            defer { state.isFinished = true }
            return (state.loops, !state.isFinished)
        }
        for loop in loops { loop.mailbox.post(.stop) }
        running.wait()
        guard isFirst else { return }
        for case .unix(let path) in listeners.map(\.address) { unlink(path) }
    }

    /// Fits the limit on connections to the descriptors this process may have: to run out of them would also stop
    /// files from being opened for connections that are already in.
    private static func fitted(_ limits: ServerLimits) -> ServerLimits {
        var limits = limits
        var descriptors = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &descriptors) == 0 {
            let all = Int(clamping: descriptors.rlim_cur)
            let reserved = min(limits.reservedDescriptors, all / 2)
            limits.connections = max(1, min(limits.connections, all - reserved))
            // Connections that are only being turned away live on the reserve, and must not use it up.
            limits.refusedConnections = min(limits.refusedConnections, reserved / 4)
        }
        return limits
    }

    /// For each listener, one socket a loop: its own with a shared port for TCP, the same one for Unix.
    private static func bind(
        _ listeners: [ServerConfiguration.Listener], loops: Int
    ) throws(ServerError) -> [[ListeningSocket]] {
        var all: [[ListeningSocket]] = []
        for listener in listeners {
            let first = try ListeningSocket(listener)
            var sockets = [first]
            for _ in 1..<max(loops, 1) {
                if first.isShared {
                    sockets.append(first)
                } else {
                    var sibling = listener
                    sibling.address = first.address
                    sockets.append(try ListeningSocket(sibling, isSibling: true))
                }
            }
            all.append(sockets)
        }
        return all
    }
}
