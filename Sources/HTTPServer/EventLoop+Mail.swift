import HTTP

extension EventLoop {
    /// Deals with what other threads have sent.
    func openMail() {
        let (mail, arrivals) = mailbox.takeAll()
        // First, for a loop that is told to end must know whom it still has.
        if !arrivals.isEmpty { adopt(arrivals) }
        for mail in mail {
            switch mail {
            case .reply(let message, let token): deliver(message, token, mail)
            case .job(let job): mailbox.run(job)
            case .bodyRoom: retryRoom()
            case .drain: drain()
            case .stop: stop()
            }
        }
    }

    private func deliver(_ message: ReplyMessage, _ token: Reply.Token, _ mail: Mailbox.Mail) {
        let slot = Int(token.connection)
        guard slot < connections.count, let connection = connections[slot],
            connection.generation == token.generation, let exchange = connection.exchange
        else { return mailbox.returnToSender(mail) }
        switch message {
        case .complete(let response):
            guard connection.phase == .waiting else { return }
            send(response, on: connection, exchange)
        case .open(let head, let writer):
            guard connection.phase == .waiting else { return writer.closed() }
            openStream(head, writer, on: connection)
        case .chunk(let bytes, let writer):
            guard connection.stream?.writer === writer else { return writer.closed() }
            append(bytes, toStreamOf: connection)
        case .finish(let writer):
            guard connection.stream?.writer === writer else { return }
            finishStream(connection)
        case .watch(let action):
            connection.watchers.append(action)
            return
        case .abandon: return drop(connection)
        }
        if connection.phase == .head, !connection.input.isEmpty { connection.hasBacklog = true }
        settle(connection)
    }

    /// Stops accepting, ends what is idle, lets the rest finish.
    private func drain() {
        guard !isDraining else { return }
        stopListening()
        isDraining = true
        for connection in connections { if let connection { letGo(connection) } }
        noteIfEmpty()
    }

    /// Ends a connection that is between requests; others end with their answer.
    func letGo(_ connection: Connection) {
        guard connection.phase != .closed else { return }
        if connection.stream?.isEventStream == true {
            // The client will come back and resume where it was.
            finishStream(connection)
            return settle(connection)
        }
        guard connection.phase == .head, connection.input.isEmpty, connection.outbound.isEmpty else { return }
        // A request may have arrived that epoll has not told of yet.
        readOnce(connection)
        settle(connection)
        guard connection.phase == .head, connection.input.isEmpty, connection.outbound.isEmpty else { return }
        // Who has connected but not yet asked gets a moment for the request that must be on its way.
        if connection.served == 0 { setDeadline(connection, after: 1) } else { drop(connection) }
    }

    /// A connection's time is up.
    func expire(_ connection: Connection) {
        counters.count(.timeouts)
        if !connection.outbound.isEmpty { return drop(connection) }
        switch connection.phase {
        case .head where connection.input.isEmpty: return drop(connection)
        case .head: refuse(connection, .slowHead)
        case .body: refuse(connection, .slowBody)
        case .awaitingRoom: refuse(connection, .noRoom)
        case .waiting where connection.peerFinished: return drop(connection)
        case .waiting: refuse(connection, .noAnswer)
        case .streaming, .closing, .lingering, .closed: return drop(connection)
        }
        settle(connection)
    }
}
