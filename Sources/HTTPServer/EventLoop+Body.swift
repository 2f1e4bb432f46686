import HTTP

extension EventLoop {
    /// A head with a body behind it: the handler may refuse it unread, the limit does, and then it needs room. Of a
    /// body that came together with its head there is nothing to refuse: the handler says it all when it has both.
    func beginBody(_ connection: Connection, _ framing: Framing, _ exchange: Exchange, bytesHere: Int) {
        var isHere = false
        if case .length(let length) = framing.body { isHere = length <= min(bytesHere, limits.bodyBytes) }
        if !isHere, let answer = core.handler.admit(request) {
            return refuseBody(connection, framing, exchange, answer)
        }
        if case .length(let length) = framing.body, length > limits.bodyBytes {
            let refusal = Refusal.largeBody(limit: limits.bodyBytes)
            counters.count(.refusedRequests)
            let answer = core.configuration.errorBody(refusal, exchange.id)
            return refuseBody(connection, framing, exchange, answer)
        }
        connection.upload = Upload(request: request, exchange: exchange, framing: framing, isAdmitted: !isHere)
        makeRoom(connection)
    }

    /// Answers without the body. A small one that is coming anyway is dropped as it comes; otherwise the connection
    /// must end, for there is no telling where the next request begins.
    private func refuseBody(
        _ connection: Connection, _ framing: Framing, _ exchange: Exchange, _ answer: HTTPResponse
    ) {
        var exchange = exchange
        if case .length(let length) = framing.body, length <= limits.discardBytes, !framing.expectsContinue {
            connection.discardBytes = length
        } else {
            exchange.keepsAlive = false
        }
        connection.mustLinger = true
        send(answer, on: connection, exchange)
    }

    /// Takes memory for the body, or has the connection wait for it unread.
    func makeRoom(_ connection: Connection) {
        guard let upload = connection.upload else { return }
        let wanted: Int
        switch upload.framing.body {
        case .length(let length): wanted = length
        case .none, .chunked: wanted = max(upload.reservedBytes * 2, scratch.count * 2)
        }
        guard core.budget.reserve(wanted - upload.reservedBytes) else {
            // Nobody waits for room who would be refused when there is.
            if !upload.isAdmitted, let answer = core.handler.admit(upload.request) {
                connection.upload = nil
                return refuseBody(connection, upload.framing, upload.exchange, answer)
            }
            upload.isAdmitted = true
            if connection.phase != .awaitingRoom {
                connection.phase = .awaitingRoom
                awaitingRoom.append(connection)
                setDeadline(connection, after: limits.bodyRoomSeconds)
            }
            return
        }
        upload.reservedBytes = wanted
        if case .length(let length) = upload.framing.body { upload.bytes.reserveCapacity(length) }
        if upload.started == 0 { upload.started = now }
        if upload.mustSayContinue {
            upload.mustSayContinue = false
            output.append("HTTP/1.1 100 Continue\r\n\r\n")
        }
        connection.phase = .body
        setBodyDeadline(connection, upload)
    }

    /// Memory has come free somewhere: whoever waited longest tries first.
    func retryRoom() {
        let waiting = awaitingRoom
        awaitingRoom.removeAll(keepingCapacity: true)
        for connection in waiting where connection.phase == .awaitingRoom {
            connection.phase = .body
            makeRoom(connection)
            if connection.phase == .body {
                // The clock stood still while we kept the client waiting.
                connection.upload?.started = now
                processInput(connection)
            }
            settle(connection)
        }
    }

    /// Takes body bytes from `input` and returns where it stopped. Calls the handler when the body is whole.
    func takeBody(_ connection: Connection, _ input: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let upload = connection.upload else { return input.count }
        var offset = start
        if case .length(let length) = upload.framing.body {
            let count = min(length - upload.bytes.count, input.count - offset)
            upload.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: input[offset..<offset + count]))
            offset += count
            if upload.bytes.count == length {
                complete(connection, upload)
            } else {
                setBodyDeadline(connection, upload)
            }
            return offset
        }
        while offset < input.count {
            // Room for all that is here, before any of it is decoded.
            if upload.bytes.count + input.count - offset > upload.reservedBytes {
                makeRoom(connection)
                guard connection.phase == .body else { return offset }
                continue
            }
            switch upload.decoder.next(input, at: offset, limits: limits) {
            case .needMore:
                setBodyDeadline(connection, upload)
                return input.count
            case .content(let range):
                guard upload.bytes.count + range.count <= limits.bodyBytes else {
                    refuse(connection, .largeBody(limit: limits.bodyBytes))
                    return input.count
                }
                upload.bytes.append(contentsOf: UnsafeBufferPointer(rebasing: input[range]))
                offset = range.upperBound
            case .end(let end):
                complete(connection, upload)
                return end
            case .refused(let refusal):
                refuse(connection, refusal)
                return input.count
            }
        }
        setBodyDeadline(connection, upload)
        return offset
    }

    private func complete(_ connection: Connection, _ upload: Upload) {
        connection.upload = nil
        var request = upload.request
        request.body = upload.bytes
        upload.bytes = []
        var exchange = upload.exchange
        exchange.reservedBytes = upload.reservedBytes
        dispatch(connection, request, exchange)
    }

    /// The deadline moves with every byte, so a body is as slow as the minimum rate allows and no slower.
    private func setBodyDeadline(_ connection: Connection, _ upload: Upload) {
        let earned = Double(upload.bytes.count) / Double(max(1, limits.bodyBytesPerSecond))
        setDeadline(connection, at: upload.started + UInt64((limits.bodyGraceSeconds + earned) * 1000))
    }
}
