import Domain
import HTTP
import JSON
import Store

extension API {
    /// The hot path: a plain status read of a task in memory. No database, no wait, no `String`; nil sends the
    /// request the ordinary way, which decides whatever is not plain.
    func statusFromMemory(_ request: HTTPRequest) -> HTTPResponse? {
        guard request.method == .get, request.target.bytes.count == request.target.pathLength,
            let id = request.target.withPath(Self.taskOfStatusPath), request.listener != Self.controlListener,
            request.headers.withFirst("Origin", { $0 == nil })
        else { return nil }
        let now = around.now()
        let verdict = Self.withBearer(of: request) { token in token.map { store.authenticate($0, now: now) } }
        guard case .known(let principal, _)? = verdict, principal.scope != .admin,
            let found = store.recent(id), found.task.account == principal.account,
            // Only ends are looked at whole: to ask a task that runs would copy it.
            !found.task.state.isFinal || !found.task.needsInlineModel
        else { return nil }
        var response = statusAnswer(found, now: now)
        response.route = Self.statusRoute
        return response
    }

    /// A status as it stands now. Unfinished tasks add what changes by itself, and a hint when to ask again.
    func statusAnswer(_ found: RenderedTask, now: Instant) -> HTTPResponse {
        guard !found.task.state.isFinal else {
            return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(found.body))
        }
        let (body, eta) = liveBody(found, now: now)
        // A task that is nearly done is worth a look every second; one in a long queue is not.
        let pause = eta.map { min(Self.longestPause, max(1, Int($0.components.seconds) / 4)) } ?? 2
        return HTTPResponse(.ok, headers: Self.liveHeaders[pause], body: .bytes(body))
    }

    func liveBody(_ found: RenderedTask, now: Instant) -> (bytes: [UInt8], eta: Duration?) {
        let position = found.task.state == .queued ? store.queuePosition(of: found.task) : nil
        let eta = around.estimate(found, now)
        return (StatusBody.live(found.body, position: position, eta: eta), eta)
    }

    /// Private, and stale in a moment: nothing on the way may keep it.
    static let jsonHeaders: Headers = ["Content-Type": "application/json", "Cache-Control": "no-store"]

    private static let longestPause = 5
    /// The same with each `Retry-After` there is, made once.
    private static let liveHeaders: [Headers] = (0...longestPause).map { pause in
        var headers = jsonHeaders
        headers.add("Retry-After", String(pause))
        return headers
    }

    private static let statusPrefix: StaticString = "/v1/generation-request/"
    private static let statusSuffix: StaticString = "/status/"
    private static let statusRoute: Route = {
        let pattern = "/v1/generation-request/{id}/status"
        return Router(endpoints).patterns.firstIndex(of: pattern).map(Route.init) ?? .unmatched
    }()

    /// The id in `/v1/generation-request/{id}/status`, with or without the slash at the end.
    @Sendable private static func taskOfStatusPath(_ path: UnsafeBufferPointer<UInt8>) -> TaskID? {
        let prefix = statusPrefix.utf8CodeUnitCount
        let suffix = statusSuffix.utf8CodeUnitCount
        guard path.count == prefix + 36 + suffix || path.count == prefix + 36 + suffix - 1 else { return nil }
        for index in 0..<prefix where path[index] != statusPrefix.utf8Start[index] { return nil }
        let rest = UnsafeBufferPointer(rebasing: path[(prefix + 36)...])
        for index in 0..<rest.count where rest[index] != statusSuffix.utf8Start[index] { return nil }
        return TaskID(utf8: UnsafeBufferPointer(rebasing: path[prefix..<prefix + 36]))
    }

    // MARK: Finding a task

    /// One of the caller's own tasks. Somebody else's is looked up like a missing one, so that neither the answer
    /// nor its time tells them apart.
    func task(_ id: TaskID, of account: AccountID) async throws(Refusal) -> RenderedTask {
        if let found = store.recent(id), found.task.account == account { return found }
        let task = try await ask { () async throws(StoreError) in try await store.task(id) }
        guard let task, task.account == account else { throw .notFound("task") }
        return RenderedTask(task: task, body: status.render(task))
    }

    /// The id in the path; what is no id names no task.
    func taskID(_ call: Call) throws(Refusal) -> TaskID {
        guard let id = TaskID(call.parameters[0]) else { throw .notFound("task") }
        return id
    }
}

extension GenerationTask {
    /// Whether its status carries the model itself.
    var needsInlineModel: Bool { state == .finished && request.responseFormat == .base64 }
}
