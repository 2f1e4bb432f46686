import CLinux
import Glibc
import HTTP

extension EventLoop {
    /// Bodies up to this size are copied behind their head and go out in one call; larger ones are queued as they are.
    private static let inlineBodyBytes = 32 * 1024
    /// What one connection may send before its neighbours get their turn.
    private static let bytesPerTurn = 4 << 20

    /// Writes an answer and ends the exchange.
    func send(_ response: HTTPResponse, on connection: Connection, _ exchange: Exchange) {
        var file: FileTransfer?
        if case .file(let body) = response.body, !exchange.isHead, !response.status.forbidsBody {
            file = FileTransfer(body)
            if file == nil {
                var answer = core.configuration.errorBody(.lostFile, exchange.id)
                answer.route = response.route
                // One file is enough to have lost.
                if case .file = answer.body { answer.body = .none }
                return send(answer, on: connection, exchange)
            }
        }
        let length: Int64
        switch response.body {
        case .none: length = 0
        case .bytes(let bytes): length = Int64(bytes.count)
        case .file(let body): length = body.length
        }
        let keepsAlive = exchange.keepsAlive && !response.closes && !isDraining
        let head = ResponseHead(
            status: response.status, length: response.status.forbidsBody ? .none : .known(length),
            version: exchange.version, keepsAlive: keepsAlive)
        head.write(response.headers, id: exchange.id, date: dateLine, to: output)
        if !exchange.isHead, !response.status.forbidsBody {
            if case .bytes(let bytes) = response.body {
                if bytes.count <= Self.inlineBodyBytes {
                    output.append(bytes)
                } else {
                    spillOutput(to: connection)
                    connection.outbound.append(bytes, lease: response.lease)
                }
            } else if let file {
                spillOutput(to: connection)
                connection.outbound.append(file)
            }
        }
        finishExchange(connection, exchange, response, bodyBytes: exchange.isHead ? 0 : length, keepsAlive: keepsAlive)
    }

    /// Turns a request away by the server's own word, and the connection with it.
    func refuse(_ connection: Connection, _ refusal: Refusal) {
        counters.count(.refusedRequests)
        var exchange =
            connection.upload?.exchange ?? connection.exchange
            ?? Exchange(id: makeRequestID(), arrived: nowMicroseconds, client: connection.peer)
        exchange.keepsAlive = false
        exchange.reservedBytes = connection.upload?.reservedBytes ?? exchange.reservedBytes
        connection.upload = nil
        connection.exchange = nil
        connection.mustLinger = true
        var answer = core.configuration.errorBody(refusal, exchange.id)
        if refusal.status == .serviceUnavailable || refusal.status == .tooManyRequests,
            !answer.headers.contains("Retry-After")
        {
            answer.headers.add("Retry-After", "2")
        }
        send(answer, on: connection, exchange)
    }

    private func finishExchange(
        _ connection: Connection, _ exchange: Exchange, _ response: HTTPResponse, bodyBytes: Int64, keepsAlive: Bool
    ) {
        note(exchange, response, bodyBytes: bodyBytes, on: connection)
        core.budget.release(exchange.reservedBytes)
        connection.exchange = nil
        if !connection.watchers.isEmpty { connection.watchers = [] }
        connection.phase = keepsAlive ? .head : .closing
    }

    /// Counts an answer, and tells the access log of it.
    private func note(_ exchange: Exchange, _ response: HTTPResponse, bodyBytes: Int64, on connection: Connection) {
        let microseconds = Self.clock(CLOCK_MONOTONIC) - exchange.arrived
        counters.count(response.route, status: response.status, microseconds: microseconds)
        requestCount &+= 1
        let every = core.configuration.accessLog?.sampleEvery ?? 0
        let isSampled = every > 0 && requestCount % UInt64(every) == 0
        guard isSampled || response.status.isServerError, let log = core.configuration.accessLog else { return }
        log.write(
            AccessLog.Entry(
                id: exchange.id, method: exchange.logged?.method ?? .other("-"),
                path: exchange.logged?.target.path ?? "-",
                route: response.route, status: response.status, bodyBytes: bodyBytes, microseconds: microseconds,
                client: exchange.client, listener: connection.listener))
    }

    // MARK: Streams

    func openStream(_ head: HTTPResponse, _ writer: BodyWriter, on connection: Connection) {
        guard let exchange = connection.exchange else { return writer.closed() }
        if exchange.isHead || head.status.forbidsBody {
            writer.closed()
            return send(head, on: connection, exchange)
        }
        let isChunked = exchange.version == .http11
        let line = ResponseHead(
            status: head.status, length: isChunked ? .chunked : .untilClose, version: exchange.version,
            keepsAlive: exchange.keepsAlive && isChunked && !isDraining)
        line.write(head.headers, id: exchange.id, date: dateLine, to: output)
        note(exchange, head, bodyBytes: 0, on: connection)
        connection.phase = .streaming
        let isEventStream = head.headers.first("Content-Type")?.hasPrefix("text/event-stream") ?? false
        connection.stream = OutgoingStream(writer: writer, isChunked: isChunked, isEventStream: isEventStream)
        setDeadline(connection, at: connection.peerFinished ? connection.deadline : .max)
        if case .bytes(let bytes) = head.body { append(bytes, toStreamOf: connection) }
        if isDraining, isEventStream { finishStream(connection) }
    }

    /// Puts one piece of a stream on its way, as a chunk (RFC 9112 §7.1) unless the version knows none.
    func append(_ bytes: [UInt8], toStreamOf connection: Connection) {
        guard let stream = connection.stream, !bytes.isEmpty else { return }
        connection.stream?.queuedBytes += bytes.count
        if stream.isChunked {
            output.append(hexadecimal: UInt64(bytes.count))
            output.append("\r\n")
        }
        output.append(bytes)
        if stream.isChunked { output.append("\r\n") }
        if connection.outbound.byteCount + output.count > limits.streamBacklogBytes + bytes.count {
            output.removeAll()
            drop(connection)
        }
    }

    func finishStream(_ connection: Connection) {
        guard let stream = connection.stream, let exchange = connection.exchange else { return }
        if stream.isChunked { output.append("0\r\n\r\n") }
        connection.stream = nil
        stream.writer.closed()
        core.budget.release(exchange.reservedBytes)
        connection.exchange = nil
        connection.watchers = []
        connection.phase = exchange.keepsAlive && stream.isChunked && !isDraining ? .head : .closing
    }

    // MARK: Sending

    private func spillOutput(to connection: Connection) {
        connection.outbound.append(Array(output.bytes))
        output.removeAll()
    }

    /// Ends a turn of a connection: sends what it has to say and sets what it waits for.
    func settle(_ connection: Connection) {
        guard connection.phase != .closed else { return output.removeAll() }
        if !output.isEmpty { flushOutput(connection) }
        guard connection.phase != .closed else { return }
        if connection.outbound.isEmpty {
            if let queued = connection.stream?.queuedBytes, queued > 0 {
                connection.stream?.queuedBytes = 0
                connection.stream?.writer.drained(queued)
            }
            switch connection.phase {
            case .closing: return finish(connection)
            case .head where connection.hasBacklog && !connection.input.isEmpty: makeReady(connection)
            case .head:
                if connection.peerFinished { return drop(connection) }
                if !connection.input.isEmpty {
                    setDeadline(connection, at: connection.requestStarted + UInt64(limits.headerSeconds * 1000))
                } else if connection.served > 0 {
                    setDeadline(connection, after: limits.idleSeconds)
                    if handOver(connection) { return }
                }
            default: break
            }
            if connection.tls?.hasPending == true { makeReady(connection) }
        }
        updateInterest(connection)
    }

    /// Sends the turn's output at once if nothing waits before it; what the kernel does not take is kept.
    private func flushOutput(_ connection: Connection) {
        if connection.outbound.isEmpty {
            switch connection.write(output.bytes) {
            case .bytes(let count):
                counters.count(.sent, count)
                if count == output.count {
                    output.removeAll()
                    return
                }
                output.removeFirst(count)
            case .blocked: break
            case .finished, .failed:
                output.removeAll()
                return drop(connection)
            }
            spillOutput(to: connection)
            setDeadline(connection, after: limits.writeStallSeconds)
        } else {
            spillOutput(to: connection)
            pump(connection)
        }
    }

    /// Sends what is queued until the kernel has enough or the turn's share is used up.
    func pump(_ connection: Connection) {
        var budget = Self.bytesPerTurn
        var hasProgress = false
        while budget > 0, let segment = connection.outbound.first {
            let result: Transfer
            switch segment {
            case .bytes(let bytes, let sent, _):
                let hasMore = connection.outbound.hasMoreThanOne
                result = bytes.withUnsafeBufferPointer {
                    connection.write(UnsafeBufferPointer(rebasing: $0[sent...]), hasMore: hasMore)
                }
            case .file(let file): result = connection.send(file, scratch: scratch)
            }
            guard case .bytes(let count) = result else {
                if case .blocked = result { break }
                return drop(connection)
            }
            hasProgress = true
            budget -= count
            counters.count(.sent, count)
            connection.outbound.advance(count)
        }
        if connection.outbound.isEmpty {
            if connection.phase == .streaming { setDeadline(connection, at: .max) }
            // The stretch until the next request begins is idle time again; `settle` sets it.
        } else if hasProgress || connection.deadline == .max || connection.phase == .head {
            setDeadline(connection, after: limits.writeStallSeconds)
        }
    }

    private func makeReady(_ connection: Connection) {
        guard !connection.isReady else { return }
        connection.isReady = true
        ready.append(connection)
    }

    @inline(__always)
    private func updateInterest(_ connection: Connection) {
        var wanted: UInt32 = 0
        if !connection.peerFinished {
            switch connection.phase {
            case .head:
                if connection.outbound.isEmpty && !connection.hasBacklog { wanted |= linux_readable }
            case .body, .lingering: wanted |= linux_readable
            case .waiting, .streaming:
                if connection.input.count < limits.pipelinedBytes { wanted |= linux_readable }
            case .awaitingRoom, .closing, .closed: break
            }
        }
        if !connection.outbound.isEmpty || connection.tls?.readWantsWrite == true { wanted |= linux_writable }
        if connection.tls?.writeWantsRead == true { wanted |= linux_readable }
        guard wanted != connection.interest else { return }
        connection.interest = wanted
        linux_epoll_set(epoll, EPOLL_CTL_MOD, connection.descriptor, wanted, connection.tag)
    }

    // MARK: Ending

    /// The last answer has gone. If the client may still be sending, its bytes are read and dropped for a while: to
    /// close on unread bytes would send a reset, which can destroy the answer before it is read (RFC 9112 §9.6).
    private func finish(_ connection: Connection) {
        connection.tls?.finish()
        guard connection.mustLinger, !connection.peerFinished else { return drop(connection) }
        shutdown(connection.descriptor, Int32(SHUT_WR))
        connection.phase = .lingering
        connection.input = []
        setDeadline(connection, after: limits.lingerSeconds)
        updateInterest(connection)
    }
}
