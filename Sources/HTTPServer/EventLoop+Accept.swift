import CLinux
import Glibc
import HTTP

extension EventLoop {
    /// Takes what waits in the listener's queue, but not more than a turn's worth unless the queue is to be emptied.
    func acceptAll(from listener: ListeningSocket, limit: Int = 64) {
        for _ in 0..<limit {
            var address = SocketAddress()
            var descriptor: Int32 = -1
            let isAccepted = address.read { pointer, length in
                descriptor = accept4(listener.descriptor, pointer, length, Int32(linux_accept_flags))
                return descriptor
            }
            if isAccepted {
                welcome(descriptor, address.networkAddress, listener)
                continue
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EMFILE, ENFILE, ENOBUFS, ENOMEM:
                // Level-triggered: without a pause the loop would spin on a queue it cannot empty.
                guard shed(from: listener) else { return pauseListening() }
            default: return
            }
        }
    }

    private func welcome(_ descriptor: Int32, _ peer: NetworkAddress, _ listener: ListeningSocket) {
        counters.count(.accepted)
        let isTrusted = core.isTrusted(peer)
        let isExempt = peer.isUnix || isTrusted
        let verdict = core.registry.enter(peer, isExempt: isExempt)
        if verdict == .welcome {
            let connection = add(descriptor, peer, listener, isExempt: isExempt, isTrusted: isTrusted, isRefused: false)
            if listener.usesTLS {
                guard let session = core.tls.withLock({ $0?.session(on: descriptor) }) else { return drop(connection) }
                connection.tls = session
            }
            return setDeadline(connection, after: limits.firstByteSeconds)
        }
        counters.count(.refusedConnections)
        // Nobody can be told in TLS without paying for a handshake, which is what we have no room for.
        guard !listener.usesTLS, core.registry.enterRefused() else {
            close(descriptor)
            return
        }
        let connection = add(descriptor, peer, listener, isExempt: isExempt, isTrusted: isTrusted, isRefused: true)
        refuse(connection, verdict == .full ? .tooManyConnections : .tooManyFromAddress)
        settle(connection)
    }

    private func add(
        _ descriptor: Int32, _ peer: NetworkAddress, _ listener: ListeningSocket, isExempt: Bool, isTrusted: Bool,
        isRefused: Bool
    ) -> Connection {
        let connection = Connection(
            descriptor: descriptor, peer: peer, listener: listener.label, isExempt: isExempt, isTrusted: isTrusted,
            isRefused: isRefused)
        core.seating.enter(index)
        seat(connection)
        return connection
    }

    /// Gives a connection its place in this loop.
    func seat(_ connection: Connection) {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
        } else {
            slot = connections.count
            connections.append(nil)
        }
        connection.seat(slot: slot, serial: takeSerial())
        connections[slot] = connection
        connectionCount += 1
        connection.interest = linux_readable
        linux_epoll_set(epoll, EPOLL_CTL_ADD, connection.descriptor, linux_readable, connection.tag)
    }

    /// Frees a connection's place, whose connection has ended or gone elsewhere.
    func leave(_ slot: Int) {
        wheel.cancel(slot)
        connections[slot] = nil
        freeSlots.append(slot)
        connectionCount -= 1
        core.seating.leave(index)
    }

    /// Out of descriptors: the spare one is given up to accept a connection and close it at once, so that clients
    /// are turned away instead of waiting in a queue that only grows. False when another loop was quicker to take it.
    private func shed(from listener: ListeningSocket) -> Bool {
        if spareDescriptor >= 0 { close(spareDescriptor) }
        let descriptor = accept4(listener.descriptor, nil, nil, Int32(linux_accept_flags))
        if descriptor >= 0 {
            counters.count(.refusedConnections)
            close(descriptor)
        }
        spareDescriptor = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
        return descriptor >= 0
    }

    /// Leaves the queues alone for a moment; `resumeListening` is called when it is over. Connections that have
    /// their last answer give up their descriptors, and with the spare one lost to somebody quicker so does one that
    /// is between requests: else those in the queue would wait for as long as it pleases those who are served.
    private func pauseListening() {
        guard !isListeningPaused else { return }
        isListeningPaused = true
        var mustMakeRoom = spareDescriptor < 0
        for connection in connections {
            guard let connection else { continue }
            if connection.phase == .lingering || mustMakeRoom && connection.isIdle {
                mustMakeRoom = false
                drop(connection)
            }
        }
        if spareDescriptor < 0 { spareDescriptor = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }
        for listener in listeners { linux_epoll_set(epoll, EPOLL_CTL_DEL, listener.descriptor, 0, 0) }
        wakeAfterPause()
    }

    /// Stops listening. Whoever is in a queue already has been promised a connection by the kernel, so the queues
    /// are emptied first.
    func stopListening() {
        for listener in listeners {
            acceptAll(from: listener, limit: 4096)
            if !isListeningPaused { linux_epoll_set(epoll, EPOLL_CTL_DEL, listener.descriptor, 0, 0) }
        }
        listeners.removeAll()
    }

    /// Ends a connection without another word and tells everyone who counts on it.
    func drop(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        connection.phase = .closed
        leave(connection.slot)
        connection.tls = nil
        close(connection.descriptor)
        if connection.isRefused {
            core.registry.leaveRefused()
        } else {
            core.registry.leave(connection.peer, isExempt: connection.isExempt)
        }
        core.budget.release((connection.upload?.reservedBytes ?? 0) + (connection.exchange?.reservedBytes ?? 0))
        connection.upload = nil
        connection.exchange = nil
        connection.outbound.removeAll()
        connection.stream?.writer.closed()
        connection.stream = nil
        let watchers = connection.watchers
        connection.watchers = []
        for watcher in watchers { watcher() }
        noteIfEmpty()
    }
}
