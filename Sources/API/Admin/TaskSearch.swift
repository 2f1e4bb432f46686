import Domain
import HTTP
import JSON
import Store

extension API {
    static let adminTasks: [Endpoint] = [
        Endpoint(.get, "/admin/v1/tasks", .operating, .later(API.searchTasks), .searchTasks),
        Endpoint(.get, "/admin/v1/tasks/{id}", .operating, .later(API.showTask), .showTask),
        Endpoint(.post, "/admin/v1/tasks/{id}/cancel", .operating, .later(API.cancelTask), .cancelTask),
        Endpoint(.post, "/admin/v1/tasks/{id}/retry", .operating, .later(API.retryTask), .retryTask),
        Endpoint(
            .post, "/admin/v1/tasks/{id}/resolve", .operating, body: .json, .later(API.resolveTask), .resolveTask),
    ]

    @Sendable func searchTasks(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var query = QueryFields(call.request)
        let name = query.text("account")
        var filter = filter(&query)
        // The same by another name, as operators think in states.
        if let states = query.states("state") {
            let both = filter.states.map(states.intersection) ?? states
            if both.isEmpty {
                query.fault(FieldFault("state", "No task is both in this state and of this status; give one of them."))
            }
            filter.states = both
        }
        try query.check()
        var owner: AccountID?
        if let text = name {
            let account = try await ask { () async throws(StoreError) in
                if let id = AccountID(text) { return try await store.account(id) }
                return try await store.account(named: text)
            }
            guard let account else { throw .noneCalled("account", text) }
            owner = account.id
        }
        let account = owner
        let wanted = filter
        let page = try await askPage { () async throws(StoreError) in try await store.tasks(of: account, wanted) }
        var names: [AccountID: String] = [:]
        for id in Set(page.items.map(\.account)) {
            names[id] = try await ask { () async throws(StoreError) in try await store.account(id) }?.name
        }
        return Self.list(page) { json, task in
            json.object {
                $0.member("account", names[task.account])
                $0.member("account_id", task.account.description)
                status.write(task, to: &$0)
            }
        }
    }

    @Sendable func showTask(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let found = try await anyTask(call)
        let body = try await story(of: found, forOperator: true)
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(body))
    }

    @Sendable func cancelTask(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let id = try taskID(call)
        let failure = Failure(code: "canceled", message: "Canceled by the operator.")
        let response = try await cancel(id, account: nil, failure, call)
        try await note(call, "tasks.cancel", "task:\(id)")
        return response
    }

    func anyTask(_ call: Call) async throws(Refusal) -> RenderedTask {
        let id = try taskID(call)
        let task = try await ask { () async throws(StoreError) in try await store.task(id) }
        guard let task else { throw .notFound("task") }
        return RenderedTask(task: task, body: status.render(task))
    }

    static func said(_ words: String) -> HTTPResponse {
        var json = JSONWriter()
        json.object { $0.member("message", words) }
        return HTTPResponse(.ok, headers: jsonHeaders, body: .bytes(json.bytes))
    }
}
