import Domain
import HTTP
import Store
import Synchronization

extension API {
    /// `GET /v1/generation-request/{id}/events`: server-sent events (WHATWG HTML §9.2), one for every change, the
    /// `sequence` as its id. A client that comes back with `Last-Event-ID` is told where things stand now; one
    /// that has seen the end gets 204, which tells an EventSource to stay away.
    @Sendable func streamEvents(_ call: Call, _ reply: Reply) throws(Refusal) -> HTTPResponse? {
        let id = try taskID(call)
        let account = try call.principal.account
        let given = call.request.headers["Last-Event-ID"] ?? call.request.queryItem("last_event_id")
        let seen = given.flatMap { Int64($0) } ?? 0
        if let found = store.recent(id), found.task.account == account {
            return try open(found, seen: seen, call, reply)
        }
        let call = call
        reply.answer(orStreamBy: self, call) { [self] () async throws(Refusal) in
            try open(try await task(id, of: account), seen: seen, call, reply)
        }
        return nil
    }

    private func open(
        _ found: RenderedTask, seen: Int64, _ call: Call, _ reply: Reply
    ) throws(Refusal) -> HTTPResponse? {
        if found.task.state.isFinal, seen >= found.task.version { return HTTPResponse(.noContent) }
        // An id from the future, made up or from before a backup was restored, must not keep the end from its client.
        let knows = min(seen, found.task.version)
        var head = HTTPResponse(
            .ok,
            headers: [
                "Content-Type": "text/event-stream", "Cache-Control": "no-store",
                // nginx would hold events back until its buffer is full.
                "X-Accel-Buffering": "no",
            ])
        if call.request.method == .head { return head }
        head = finish(head, call)
        // A place in the table first: a stream that cannot be served is refused while there is still a status.
        let stream = EventStream(api: self)
        let waiter = Waiting.Waiter(
            task: found.task.id, account: found.task.account, version: found.task.version,
            due: call.now + EventStream.heartbeat, told: { stream.tell($0) }, lapsed: { stream.beat(at: $0) })
        let ticket = try waiting.join(waiter, call.settings.limits)
        let writer = reply.stream(head)
        writer.onClose { [waiting] in waiting.leave(ticket) }
        waiting.inTurn { [self] in
            stream.open(writer, resuming: seen > 0)
            guard knows < found.task.version || found.task.state.isFinal else { return }
            if !stream.tell(store.recent(found.task.id) ?? found) { waiting.leave(ticket) }
        }
        return nil
    }
}

/// One open stream. All calls but `open`'s caller come on the queue of `Waiting`.
private final class EventStream: Sendable {
    /// Proxies drop what is silent for half a minute or so.
    static let heartbeat = Duration.seconds(15)

    private struct State {
        var writer: BodyWriter?
        /// The client reads more slowly than the task changes: it will be told the newest when it has caught up.
        var isBehind = false
        var missed: TaskID?
        var last: Int64 = 0
    }

    private let api: API
    private let state = Mutex(State())

    init(api: API) { self.api = api }

    func open(_ writer: BodyWriter, resuming: Bool) {
        state.withLock { $0.writer = writer }
        writer.onReady { [weak self] in self?.caughtUp() }
        writer.write(resuming ? ": resumed\n\n" : "retry: 2000\n\n")
    }

    /// True: the stream goes on.
    func tell(_ rendered: RenderedTask) -> Bool {
        let task = rendered.task
        let writer = state.withLock { state -> BodyWriter? in
            // Before the stream is open nothing counts as told: `open` is followed by the newest there is.
            guard state.writer != nil, task.version > state.last else { return nil }
            if state.isBehind, !task.state.isFinal {
                state.missed = task.id
                return nil
            }
            state.last = task.version
            return state.writer
        }
        guard let writer else { return !task.state.isFinal }
        let body = task.state.isFinal ? rendered.body : api.liveBody(rendered, now: api.around.now()).bytes
        var event = Array("id: \(task.version)\nevent: status\ndata: ".utf8)
        event += body
        event += [UInt8(ascii: "\n"), UInt8(ascii: "\n")]
        let pace = writer.write(event)
        if task.state.isFinal {
            writer.finish()
            return false
        }
        if pace == .full { state.withLock { $0.isBehind = true } }
        return pace != .closed
    }

    func beat(at now: Instant) -> Instant? {
        guard now.milliseconds < .max else {
            state.withLock { $0.writer }?.finish()
            return nil
        }
        let (writer, isBehind) = state.withLock { ($0.writer, $0.isBehind) }
        guard let writer else { return now + Self.heartbeat }
        if isBehind { return writer.isClosed ? nil : now + Self.heartbeat }
        return writer.write(": still here\n\n") == .closed ? nil : now + Self.heartbeat
    }

    private func caughtUp() {
        let missed = state.withLock { state in
            defer {
                state.isBehind = false
                state.missed = nil
            }
            return state.missed
        }
        guard let missed else { return }
        api.waiting.inTurn { [self] in
            if let current = api.store.recent(missed) { _ = tell(current) }
        }
    }
}

extension Reply {
    /// The same as `answer(by:)`, for an operation that may have begun a stream instead.
    fileprivate func answer(
        orStreamBy api: API, _ call: Call, _ operation: @escaping @Sendable () async throws(Refusal) -> HTTPResponse?
    ) {
        Task {
            do throws(Refusal) {
                if let response = try await operation() { complete(with: api.finish(response, call)) }
            } catch {
                complete(with: api.refuse(error, call))
            }
        }
    }
}
