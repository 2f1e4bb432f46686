import Domain
import Glibc
import HTTP
import JSON
import Store

extension API {
    static let generations: [Endpoint] = [
        Endpoint(
            .post, "/v1/3d-models/trellis2/generate", .customer, body: .picture, pace: .act, .whenever(API.submit),
            .submit),
        Endpoint(
            .post, "/v1/3d-models/trellis2/quote", .onlooker, body: .picture, pace: .act, .later(API.quote), .quote),
    ]

    /// Takes a request and its credits, and answers with the task's id; with `Prefer: wait=SECONDS`, with the
    /// task's end if it comes in time. Whatever is refused is refused before anything is charged.
    @Sendable func submit(_ call: Call, _ reply: Reply) throws(Refusal) -> HTTPResponse? {
        let key = try IdempotencyHeader.key(in: call.request.headers)
        if key == nil, call.settings.idempotency.required { throw .idempotencyKeyMissing }
        let patience = try Self.patience(call.request.headers)
        let take = { @Sendable [self] () async throws(Refusal) -> Taken in
            try await self.take(try await draft(call), key: key, call)
        }
        guard let patience else {
            // Small ones are read and priced sooner than another thread would be awake.
            if call.request.body.count <= Self.lightBody {
                reply.answerHere(by: self, call) { () async throws(Refusal) in try await take().response }
            } else {
                reply.answer(by: self, call) { () async throws(Refusal) in try await take().response }
            }
            return nil
        }
        reply.answer(by: self, call) { [self] () async throws(Refusal) in
            let outcome = try await take()
            guard !outcome.isReplay || store.recent(outcome.task) != nil else { return outcome.response }
            // The credits are taken: that is told, whatever stands in the way of waiting for the end.
            guard let last = try? await end(of: outcome.task, patience, call, reply), last.task.state.isFinal,
                var response = try? await completeStatus(last, call)
            else { return outcome.response }
            for (name, value) in outcome.response.headers where name.hasPrefix("X-") || name.hasPrefix("I") {
                response.headers.add(name, value)
            }
            response.headers.add("Preference-Applied", "wait=\(patience)")
            response.headers.add("Server-Timing", Self.timing(of: call.request))
            return response
        }
        return nil
    }

    /// The task when it has ended, or as it is when patience is.
    private func end(
        of id: TaskID, _ patience: Int, _ call: Call, _ reply: Reply
    ) async throws(Refusal) -> RenderedTask {
        let found = try await task(id, of: try call.principal.account)
        guard !found.task.state.isFinal else { return found }
        let end = call.now + .seconds(patience)
        return try await changed(found, knows: found.task.version, until: end, call, reply) { _ in false }.get()
    }

    /// What it would cost and who could do it; charges nothing and keeps nothing.
    @Sendable func quote(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let draft = try await draft(call)
        let principal = try call.principal
        let choices = around.route(draft.request, principal.limits)
        try checkSandboxWord(draft.request, choices.filter(\.fits))
        let price = try Self.charges(for: draft.request, call.settings).reduce(Credits.zero) { $0 + $1.amount }
        let balance = store.balance(of: principal.account)
        var json = JSONWriter()
        json.object {
            $0.member("credits", (price * draft.request.resultCount).amount)
            $0.member("credits_per_result", price.amount)
            $0.member("number_results", draft.request.resultCount)
            $0.member("balance", balance?.amount)
            $0.member("affordable", balance.map { $0 >= price * draft.request.resultCount })
            $0.array("providers") { for choice in choices { choice.write(to: &$0) } }
            $0.array("adjustments") { for adjustment in draft.adjustments { $0.write(adjustment) } }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    // MARK: Steps of a submit

    /// What may be read on an event loop: some 20 microseconds, and a few hundred for the oddest.
    private static let lightBody = 8 << 10

    struct Taken: Sendable {
        let task: TaskID
        let isReplay: Bool
        let response: HTTPResponse
    }

    private func take(_ draft: Draft, key: String?, _ call: Call) async throws(Refusal) -> Taken {
        let principal = try call.principal
        let idempotency = key.map { key in
            IdempotencyKey(
                endpoint: "generate", key: key, fingerprint: around.digest(IdempotencyHeader.canonical(draft.request)),
                expiresAt: call.now + call.settings.idempotency.retention)
        }
        // A picture is not kept twice for one task. Without one, the transaction that would write the task finds the
        // first answer by itself, and few requests are repeated ones.
        if draft.picture != nil, let replay = try await replay(of: idempotency, principal, call) { return replay }
        let task: GenerationTask
        let choice: RouteChoice?
        do throws(Refusal) {
            (task, choice) = try considered(draft, principal, call)
        } catch {
            // What was answered once is answered again, whatever has come in the way since: its first request may have
            // been what emptied the wallet.
            if let replay = try await replay(of: idempotency, principal, call) { return replay }
            throw error
        }
        if let picture = draft.picture, case .kept(let kept) = draft.request.picture {
            try await keep(picture, kept)
        }
        let answer = submitAnswer(
            task, draft.adjustments + (choice?.adjustments ?? []), isPretend: choice?.provider == .sandbox)
        let submission = Submission(
            task: task, idempotency: idempotency, answer: answer,
            concurrentTasks: principal.limits.concurrentTasks ?? call.settings.limits.concurrentTasks,
            spendCap: call.spendCap, lowBalance: call.settings.limits.lowBalance)
        let outcome = try await ask { () async throws(StoreError) in try await store.submit(submission) }
        switch outcome {
        case .created(let balance):
            around.accepted(task, call.request.id)
            var headers = Self.jsonHeaders
            headers.add("X-Credits-Charged", String(task.price.amount))
            headers.add("X-Credits-Remaining", String(balance.amount))
            headers.add("Server-Timing", Self.timing(of: call.request))
            let response = HTTPResponse(.ok, headers: headers, body: .bytes(answer))
            return Taken(task: task.id, isReplay: false, response: response)
        case .replayed(let replay): return try replayed(replay, principal, call)
        case .insufficient(let required, let balance):
            throw .insufficientCredits(required: required, balance: balance)
        case .capped(let cap, let spent): throw .spendCapReached(cap: cap, spent: spent)
        case .tooManyTasks(let limit): throw .tooManyTasks(limit: limit)
        }
    }

    private func replay(
        of key: IdempotencyKey?, _ principal: Principal, _ call: Call
    ) async throws(Refusal) -> Taken? {
        guard let key else { return nil }
        let replay = try await ask { () async throws(StoreError) in
            try await store.replay(key, account: principal.account, now: call.now)
        }
        return try replay.map { replay throws(Refusal) in try replayed(replay, principal, call) }
    }

    /// The first answer once more, byte for byte.
    private func replayed(_ replay: Replay, _ principal: Principal, _ call: Call) throws(Refusal) -> Taken {
        guard case .answer(let task, let body) = replay else { throw .idempotencyMismatch }
        var headers = Self.jsonHeaders
        headers.add("Idempotent-Replayed", "true")
        if let balance = store.balance(of: principal.account) {
            headers.add("X-Credits-Remaining", String(balance.amount))
        }
        headers.add("Server-Timing", Self.timing(of: call.request))
        return Taken(
            task: task, isReplay: true, response: HTTPResponse(.ok, headers: headers, body: .bytes(body)))
    }

    /// What one result costs, by charge.
    static func charges(for request: GenerationRequest, _ settings: Settings) throws(Refusal) -> [Charge] {
        guard let prices = settings.prices.charges(for: request.parameters) else {
            let size = request.parameters.integer(.textureSize)
            let resolution = request.parameters.integer(.resolution)
            throw .invalid([
                FieldFault(
                    "resolution", "This gateway has no price for resolution \(resolution) with texture_size \(size).")
            ])
        }
        return Charge.Item.allCases.compactMap { item in
            prices[item].map { Charge(slot: 0, item: item, amount: $0) }
        }
    }

    func task(for draft: Draft, _ principal: Principal, _ call: Call) throws(Refusal) -> GenerationTask {
        var request = draft.request
        let charges = try Self.charges(for: request, call.settings)
        var random = around.random
        let base = request.parameters.seed
        var seeds: [Int64] = []
        for index in 0..<request.resultCount {
            // Seeds differ between results; beyond the last seed the count begins again at 0.
            let next = base.map { ($0 + Int64(index)) % (1 << 31) }
            seeds.append(next ?? Int64.random(in: 0..<(1 << 31), using: &random))
        }
        let slots = seeds.enumerated().map { index, seed in
            Slot(
                index: index, seed: seed,
                charges: charges.map { Charge(slot: index, item: $0.item, amount: $0.amount) }, dueAt: call.now)
        }
        let id = TaskID(at: call.now, random: &random)
        request.trace = Trace(
            traceparent: call.request.headers["traceparent"], tracestate: call.request.headers["tracestate"],
            request: call.request.id.description, task: id)
        return GenerationTask(
            id: id, account: principal.account, key: principal.key,
            request: request, createdAt: call.now,
            deadline: call.now + min(call.settings.taskDeadline, request.cancelAfter ?? call.settings.taskDeadline),
            startBy: request.startWithin.map { call.now + $0 }, adjustments: draft.adjustments, slots: slots)
    }

    // MARK: Answers

    private static let pretend = """
        The built-in sandbox takes this: its model is a card with the picture on it, not a generated one. An operator \
        enables a real provider under "providers" in the configuration.
        """

    private func submitAnswer(_ task: GenerationTask, _ adjustments: [Adjustment], isPretend: Bool) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.member("task_id", task.id.description)
            $0.member("created_at", task.createdAt.description)
            $0.member("status", StatusBody.word(for: task))
            $0.member("credits", task.price.amount)
            $0.member("status_url", "\(status.links.publicURL)/v1/generation-request/\(task.id)/status/")
            if isPretend { $0.member("notice", Self.pretend) }
            if !adjustments.isEmpty {
                $0.array("adjustments") { for adjustment in adjustments { $0.write(adjustment) } }
            }
        }
        return json.bytes
    }

    /// Seconds of `Prefer: wait=N` (RFC 7240 §4.3), if it is there.
    private static func patience(_ headers: Headers) throws(Refusal) -> Int? {
        for preference in headers.all("Prefer") {
            for part in preference.utf8.split(whereSeparator: { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: ";") }) {
                let word = String(decoding: part.filter { $0 != UInt8(ascii: " ") }, as: UTF8.self)
                guard word.hasPrefix("wait=") else { continue }
                // A preference is no order: what cannot be granted is granted as far as it can.
                return Int(word.dropFirst(5)).map { min(60, max(1, $0)) }
            }
        }
        return nil
    }

    /// The time since the request's first byte, in the server's own clock.
    static func timing(of request: HTTPRequest) -> String {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
        let micros = request.arrived > 0 && now > request.arrived ? now - request.arrived : 0
        return "gateway;dur=\(micros / 1000).\(String(micros % 1000 + 1000).dropFirst())"
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}

extension RouteChoice {
    fileprivate func write(to json: inout JSONWriter) {
        json.object {
            $0.member("provider", provider.rawValue)
            $0.member("fits", fits)
            $0.member("available", obstacles.isEmpty)
            $0.array("obstacles") { json in
                for obstacle in obstacles {
                    json.object {
                        $0.member("param", obstacle.parameter)
                        $0.member("message", obstacle.message)
                        $0.member("temporary", obstacle.isTemporary)
                    }
                }
            }
            $0.member("typical_seconds", typicalDuration.map { $0.components.seconds })
            $0.array("adjustments") { for adjustment in adjustments { $0.write(adjustment) } }
        }
    }
}
