import Domain
import HTTP
import JSON
import Store

extension API {
    static let tasks: [Endpoint] = [
        Endpoint(
            .get, "/v1/generation-request/{id}/status", .onlooker, pace: .free, .whenever(API.readStatus), .readStatus),
        Endpoint(
            .post, "/v1/generation-request/status", .onlooker, body: .json, pace: .free, .later(API.readStatuses),
            .readStatuses),
        Endpoint(
            .get, "/v1/generation-request/{id}/events", .onlooker, pace: .free, .whenever(API.streamEvents),
            .streamEvents),
        Endpoint(
            .post, "/v1/generation-request/{id}/cancel", .customer, pace: .act, .later(API.cancel), .cancel),
        Endpoint(.get, "/v1/generation-request/{id}/receipt", .onlooker, .later(API.receipt), .receipt),
        Endpoint(.get, "/v1/generation-requests", .onlooker, .later(API.listTasks), .listTasks),
    ]

    /// Up to 100 at once. Ids that are not the caller's own are listed apart, all alike.
    @Sendable func readStatuses(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var fields = try Fields(call.request.body)
        for name in fields.names where name != "task_ids" {
            fields.fault(FieldFault(name, "\(name.prefix(64)) is not a field here.", suggestion: "Send task_ids."))
        }
        let given = fields.value("task_ids")?.array?.map { $0.string }
        if given == nil || (given?.count ?? 0) > 100 || given?.isEmpty == true || given?.contains(nil) == true {
            fields.fault(
                FieldFault(
                    "task_ids", "task_ids must be an array of 1 to 100 task ids.",
                    allowed: ["minItems": 1, "maxItems": 100]))
        }
        try fields.check()
        let account = try call.principal.account
        var found: [RenderedTask] = []
        var missing: [String] = []
        for text in given?.compactMap({ $0 }) ?? [] {
            do throws(Refusal) {
                guard let id = TaskID(text) else { throw .notFound("task") }
                found.append(try await task(id, of: account))
            } catch {
                guard case .notFound = error else { throw error }
                missing.append(String(text.prefix(64)))
            }
        }
        var json = JSONWriter(reserving: 1024 * max(1, found.count))
        json.object { json in
            json.array("items") { json in
                for rendered in found {
                    json.raw(
                        utf8: rendered.task.state.isFinal ? rendered.body : liveBody(rendered, now: call.now).bytes)
                }
            }
            json.array("not_found") { for id in missing { $0.string(id) } }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    /// Cancels what is not done yet and gives the credits back. Asking twice is asking once.
    @Sendable func cancel(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let account = try call.principal.account
        let failure = Failure(code: "canceled", message: "Canceled by the customer.")
        return try await cancel(try taskID(call), account: account, failure, call)
    }

    /// `account` nil: by the operator.
    func cancel(
        _ id: TaskID, account: AccountID?, _ failure: Failure, _ call: Call
    ) async throws(Refusal) -> HTTPResponse {
        let outcome = try await ask { () async throws(StoreError) in
            try await store.cancel(id, account: account, failure: failure, at: call.now)
        }
        switch outcome {
        case .canceled(let task, _):
            return statusAnswer(RenderedTask(task: task, body: status.render(task)), now: call.now)
        case .tooLate(let task) where task.state == .canceled:
            return statusAnswer(RenderedTask(task: task, body: status.render(task)), now: call.now)
        case .tooLate(let task):
            let why =
                task.state.isFinal
                ? "The task has already ended: it is \(task.state.rawValue)."
                : "The work has been done and its file is on the way; the task can no longer be canceled."
            throw .conflict(code: "too_late", message: why)
        case .notFound: throw .notFound("task")
        }
    }

    /// The whole story of one task: asked, tried, adjusted, answered, charged.
    @Sendable func receipt(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let found = try await task(try taskID(call), of: try call.principal.account)
        let body = try await story(of: found, forOperator: false)
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(body))
    }

    @Sendable func listTasks(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var query = QueryFields(call.request)
        let filter = filter(&query)
        try query.check()
        let account = try call.principal.account
        let page = try await askPage { () async throws(StoreError) in try await store.tasks(of: account, filter) }
        return Self.list(page) { json, task in json.raw(utf8: status.render(task)) }
    }

    // MARK: Lists

    /// One page of anything: `items`, and `next_cursor` to send back for more.
    static func list<Item>(_ page: Page<Item>, _ write: (inout JSONWriter, Item) -> Void) -> HTTPResponse {
        var json = JSONWriter(reserving: 512 * max(1, page.items.count))
        json.object { json in
            json.array("items") { json in for item in page.items { write(&json, item) } }
            json.member("next_cursor", page.next)
        }
        return HTTPResponse(.ok, headers: jsonHeaders, body: .bytes(json.bytes))
    }

    /// The same as `ask`, for a page: what the store refuses about it is its cursor.
    func askPage<R>(_ question: () async throws(StoreError) -> R) async throws(Refusal) -> R {
        do throws(StoreError) {
            return try await question()
        } catch {
            guard case .refused(let why) = error else { throw .store(error) }
            throw .invalid([FieldFault("cursor", "cursor must be a next_cursor of this list: \(why).")])
        }
    }

    /// What a list of tasks is asked for; the caller checks the query.
    func filter(_ query: inout QueryFields) -> TaskFilter {
        var filter = TaskFilter()
        filter.states = query.states("status")
        filter.provider = query.provider("provider", known: around.providers().map(\.id))
        filter.since = query.moment("since")
        filter.limit = query.integer("limit", 1...100) ?? 50
        filter.cursor = query.cursor()
        return filter
    }
}
