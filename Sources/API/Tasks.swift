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
        let filter = try Self.filter(call.request)
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

    static func filter(_ request: HTTPRequest) throws(Refusal) -> TaskFilter {
        var query = QueryFields(request)
        var filter = TaskFilter()
        filter.states = query.states("status") ?? query.states("state")
        filter.provider = query.text("provider", atMost: 64).map { ProviderID($0) }
        filter.since = query.moment("since")
        filter.cursor = query.cursor()
        filter.limit = query.integer("limit", 1...100) ?? 50
        try query.check()
        return filter
    }
}

/// The items of a query as they are read, and what is wrong with them.
struct QueryFields {
    private let items: [(name: String, value: String)]
    private var faults: [FieldFault] = []

    init(_ request: HTTPRequest) { items = request.target.queryItems }

    func check() throws(Refusal) {
        guard faults.isEmpty else { throw .invalid(faults) }
    }

    mutating func text(_ name: String, atMost limit: Int = 512) -> String? {
        guard let value = items.first(where: { $0.name == name })?.value else { return nil }
        guard (1...limit).contains(value.utf8.count) else {
            return wrong(name, value, "must be 1 to \(limit) bytes long")
        }
        return value
    }

    /// Where a page begins; empty is the first, for clients that always send it.
    mutating func cursor() -> String? {
        items.contains { $0.name == "cursor" && $0.value.isEmpty } ? nil : text("cursor")
    }

    mutating func integer(_ name: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = text(name) else { return nil }
        guard let number = Int(value), range.contains(number) else {
            return wrong(name, value, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    mutating func moment(_ name: String) -> Instant? {
        guard let value = text(name) else { return nil }
        guard let moment = Instant(rfc3339: value) else {
            return wrong(name, value, "must be a time such as 2026-03-14T15:09:26Z")
        }
        return moment
    }

    /// A public word such as FINISHED, or an exact state such as canceled.
    mutating func states(_ name: String) -> Set<TaskState>? {
        guard let value = text(name) else { return nil }
        switch value {
        case "PENDING": return [.queued, .submitting, .unknown]
        case "IN_PROGRESS": return [.submitting, .unknown, .running, .fetching]
        case "FINISHED": return [.finished]
        case "FAILED": return [.failed, .canceled, .expired]
        default:
            guard let state = TaskState(rawValue: value) else {
                let states = TaskState.allCases.map(\.rawValue).joined(separator: ", ")
                return wrong(name, value, "must be PENDING, IN_PROGRESS, FINISHED, FAILED or one of \(states)")
            }
            return [state]
        }
    }

    private mutating func wrong<V>(_ name: String, _ value: String, _ wants: String) -> V? {
        let shown = JSONValue.string(String(value.prefix(64)))
        faults.append(FieldFault(name, "\(name) \(wants); got \(shown).", value: .string(value)))
        return nil
    }
}
