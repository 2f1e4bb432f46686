import CLinux
import Glibc
import HTTP

extension EventLoop {
    /// One event of one connection: read once, act on all that is complete, answer by one write.
    func handle(_ connection: Connection, events: UInt32) {
        if events & linux_broken != 0 { return drop(connection) }
        if events & linux_writable != 0 || connection.tls?.writeWantsRead == true { pump(connection) }
        if events & linux_readable != 0 || connection.tls?.readWantsWrite == true { readOnce(connection) }
        settle(connection)
    }

    /// Goes on with a connection that had to let its neighbours pass.
    func resume(_ connection: Connection) {
        if connection.hasBacklog {
            processInput(connection)
        } else if connection.tls?.hasPending == true {
            readOnce(connection)
        }
        settle(connection)
    }

    func readOnce(_ connection: Connection) {
        guard connection.phase != .closed, !connection.peerFinished, connection.phase != .awaitingRoom else { return }
        switch connection.read(into: scratch) {
        case .bytes(let count):
            counters.count(.received, count)
            if connection.phase == .lingering { return }
            ingest(connection, UnsafeBufferPointer(rebasing: scratch[..<count]))
        case .blocked: break
        case .finished: peerFinished(connection)
        case .failed:
            if let tls = connection.tls, !tls.isEstablished { counters.count(.tlsFailures) }
            drop(connection)
        }
    }

    /// The client sends nothing more. It may still be reading (RFC 9112 §9.6), so what it has asked for is answered.
    private func peerFinished(_ connection: Connection) {
        connection.peerFinished = true
        switch connection.phase {
        case .body, .awaitingRoom, .lingering: drop(connection)
        case .waiting, .streaming: setDeadline(connection, after: limits.halfClosedSeconds)
        case .head, .closing, .closed: break
        }
    }

    private func ingest(_ connection: Connection, _ bytes: UnsafeBufferPointer<UInt8>) {
        if connection.input.isEmpty {
            connection.requestStarted = now
            let used = process(connection, bytes)
            if used < bytes.count, connection.phase != .closed {
                connection.input.append(contentsOf: bytes[used...])
            }
        } else {
            connection.input.append(contentsOf: bytes)
            processInput(connection)
        }
    }

    /// Acts on the bytes a connection has kept.
    func processInput(_ connection: Connection) {
        var kept = connection.input
        connection.input = []
        let used = kept.withUnsafeBufferPointer { process(connection, $0) }
        if used == kept.count || connection.phase == .closed { return }
        if used > 0 { kept.removeSubrange(..<used) }
        connection.input = kept
        // What is left is the beginning of another request, whose time begins now.
        if used > 0 { connection.requestStarted = now }
    }

    /// Acts on as much of `input` as it can and returns how much that was.
    private func process(_ connection: Connection, _ input: UnsafeBufferPointer<UInt8>) -> Int {
        connection.hasBacklog = false
        var offset = 0
        var depth = 0
        while offset < input.count {
            switch connection.phase {
            case .head:
                if connection.discardBytes > 0 {
                    let count = min(connection.discardBytes, input.count - offset)
                    connection.discardBytes -= count
                    offset += count
                    continue
                }
                // Answers in order: nothing more is begun while one cannot be sent, or at a neighbour's expense.
                guard connection.outbound.isEmpty, depth < limits.pipelineDepth, output.count < 256 * 1024 else {
                    connection.hasBacklog = true
                    return offset
                }
                depth += 1
                let rest = UnsafeBufferPointer(rebasing: input[offset...])
                switch parse(connection, rest) {
                case .needMore: return offset
                case .refused(let refusal):
                    refuse(connection, refusal)
                    return input.count
                case .head(let length):
                    offset += length
                    begin(connection, bodyBytesHere: input.count - offset)
                }
            case .body: offset = takeBody(connection, input, from: offset)
            case .awaitingRoom, .waiting, .streaming:
                connection.hasBacklog = true
                return offset
            case .closing, .lingering, .closed:
                connection.mustLinger = true
                return input.count
            }
        }
        return offset
    }

    /// Parses into the loop's own request, or into the connection's when its head comes in pieces.
    private func parse(_ connection: Connection, _ input: UnsafeBufferPointer<UInt8>) -> RequestParser.Step {
        guard var partial = connection.partial else {
            let step = connection.parser.parse(input, limits: limits, into: &request)
            if step == .needMore, connection.parser.hasBegun { connection.partial = request }
            return step
        }
        connection.partial = nil
        let step = connection.parser.parse(input, limits: limits, into: &partial)
        if step == .needMore { connection.partial = partial } else { request = partial }
        return step
    }

    /// A head is complete in `request`: completes what the loop knows of it and sees to the body, if there is one.
    private func begin(_ connection: Connection, bodyBytesHere: Int) {
        let framing = connection.parser.framing
        connection.served += 1
        request.peer = connection.peer
        request.client = connection.peer
        request.isSecure = connection.tls != nil
        request.listener = connection.listener
        request.arrived = nowMicroseconds
        request.id = givenRequestID() ?? makeRequestID()
        if connection.isTrusted {
            let forwarded = ForwardedClient(request, isTrusted: core.isTrusted)
            request.client = forwarded.client
            request.isSecure = forwarded.isSecure
        }
        var exchange = Exchange(id: request.id, arrived: nowMicroseconds, client: request.client)
        exchange.isHead = request.method == .head
        exchange.version = request.version
        exchange.keepsAlive =
            framing.keepsAlive && !isDraining && connection.served < limits.requestsPerConnection
        if core.configuration.accessLog != nil { exchange.logged = (request.method, request.target) }
        if framing.body == .none {
            dispatch(connection, request, exchange)
        } else {
            beginBody(connection, framing, exchange, bytesHere: bodyBytesHere)
        }
    }

    private func givenRequestID() -> RequestID? {
        let text = request.headers.withFirst("X-Request-Id") { $0.map { String(decoding: $0, as: UTF8.self) } }
        return text.flatMap(RequestID.init(given:))
    }

    func dispatch(_ connection: Connection, _ request: HTTPRequest, _ exchange: Exchange) {
        connection.phase = .head
        connection.generation = takeGeneration()
        let token = Reply.Token(connection: UInt32(connection.slot), generation: connection.generation)
        if let response = core.handler.respond(to: request, reply: Reply(token: token, outlet: mailbox)) {
            return send(response, on: connection, exchange)
        }
        connection.exchange = exchange
        connection.phase = .waiting
        setDeadline(connection, after: limits.answerSeconds)
    }
}
