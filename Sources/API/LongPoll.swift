import Domain
import HTTP
import JSON
import Store
import Synchronization

extension API {
    /// `GET /v1/generation-request/{id}/status`, with `?wait=SECONDS` until the task changes or ends. `?after=N`
    /// names the `sequence` the client has: a later one is answered at once.
    @Sendable func readStatus(_ call: Call, _ reply: Reply) throws(Refusal) -> HTTPResponse? {
        let id = try taskID(call)
        let account = try call.principal.account
        let (wait, after) = try Self.pollFields(call.request)
        if wait == nil, let found = store.recent(id), found.task.account == account, !found.task.needsInlineModel {
            return statusAnswer(found, now: call.now)
        }
        let lastCall = call
        reply.answer(by: self, lastCall) { [self] () async throws(Refusal) in
            let found = try await task(id, of: account)
            // A sequence from the future is a mistake; it must not keep the client from hearing of the end.
            let knows = min(after ?? found.task.version, found.task.version)
            guard let wait, call.request.method == .get, !found.task.state.isFinal, knows >= found.task.version else {
                return try await completeStatus(found, lastCall)
            }
            return try await poll(found, knows: knows, until: lastCall.now + .seconds(wait), lastCall, reply) { _ in
                true
            }
        }
        return nil
    }

    /// Waits until `isEnough`, or until time is up, and answers the status as it then stands.
    func poll(
        _ found: RenderedTask, knows version: Int64, until end: Instant, _ call: Call, _ reply: Reply,
        isEnough: @escaping @Sendable (GenerationTask) -> Bool
    ) async throws(Refusal) -> HTTPResponse {
        let last = await changed(found, knows: version, until: end, call, reply, isEnough: isEnough)
        return try await completeStatus(try last.get(), call)
    }

    /// The same without the answer. A client that leaves ends its wait.
    func changed(
        _ found: RenderedTask, knows version: Int64, until end: Instant, _ call: Call, _ reply: Reply,
        isEnough: @escaping @Sendable (GenerationTask) -> Bool
    ) async -> Result<RenderedTask, Refusal> {
        await withCheckedContinuation { continuation in
            // Answered once, when the wait is over: by a change, by the clock or by the client's leaving.
            let answer = OneAnswer(continuation, found)
            var waiter = Waiting.Waiter(
                task: found.task.id, account: found.task.account, version: version, due: end,
                told: { changed in
                    guard isEnough(changed.task) || changed.task.state.isFinal else { return true }
                    answer.learn(changed)
                    return false
                },
                lapsed: { [store] _ in
                    answer.learn(store.recent(found.task.id) ?? found)
                    return nil
                })
            waiter.left = { answer.give() }
            do throws(Refusal) {
                let ticket = try waiting.join(waiter, call.settings.limits)
                reply.onClose { [waiting] in waiting.leave(ticket) }
            } catch {
                answer.give(error)
            }
        }
    }

    /// A plain read has no query, and none is taken apart for it.
    private static func pollFields(_ request: HTTPRequest) throws(Refusal) -> (wait: Int?, after: Int64?) {
        guard request.target.hasQuery else { return (nil, nil) }
        var query = QueryFields(request)
        let wait = query.integer("wait", 0...60)
        // Whole numbers up to here are exact in every client's language.
        let after = query.integer("after", 0...(1 << 53 - 1))
        try query.check(strangers: true)
        return (wait == 0 ? nil : wait, after.map(Int64.init))
    }
}

/// A continuation that is resumed once, with what was learned last.
private final class OneAnswer: Sendable {
    private struct State {
        var continuation: CheckedContinuation<Result<RenderedTask, Refusal>, Never>?
        var news: RenderedTask
    }

    private let state: Mutex<State>

    init(_ continuation: CheckedContinuation<Result<RenderedTask, Refusal>, Never>, _ found: RenderedTask) {
        state = Mutex(State(continuation: continuation, news: found))
    }

    func learn(_ news: RenderedTask) { state.withLock { $0.news = news } }

    func give(_ refusal: Refusal? = nil) {
        let (continuation, news) = state.withLock { state in
            defer { state.continuation = nil }
            return (state.continuation, state.news)
        }
        continuation?.resume(returning: refusal.map { .failure($0) } ?? .success(news))
    }
}

extension Reply {
    /// Answers later with what `operation` returns or with its refusal.
    func answer(
        by api: API, _ call: Call, _ operation: @escaping @Sendable () async throws(Refusal) -> HTTPResponse
    ) {
        answer { await api.answer(call, operation) }
    }

    /// The same on the loop that asks, for what computes little.
    func answerHere(
        by api: API, _ call: Call, _ operation: @escaping @Sendable () async throws(Refusal) -> HTTPResponse
    ) {
        answerHere { await api.answer(call, operation) }
    }
}

extension API {
    fileprivate func answer(
        _ call: Call, _ operation: () async throws(Refusal) -> HTTPResponse
    ) async -> HTTPResponse {
        do throws(Refusal) {
            return finish(try await operation(), call)
        } catch {
            return refuse(error, call)
        }
    }
}
