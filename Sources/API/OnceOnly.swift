import Domain
import HTTP
import JSON
import Store

// POSTs beside submits that must not happen twice when a client retries: they take an Idempotency-Key as a submit
// does, and their answer is kept in the transaction that does what it tells of. Those that are safe to repeat as they
// are (cancel, enable, recover) need none; a grant of credits has its reference.

extension API {
    /// The key of such a request, with what its repetition is known by: the path and the members of its body, however
    /// they are spelled.
    func onceOnly(_ call: Call, _ act: String) throws(Refusal) -> IdempotencyKey? {
        guard let key = try IdempotencyHeader.key(in: call.request.headers) else { return nil }
        var print = Array(call.endpoint.pattern.utf8)
        for parameter in call.parameters { print += [UInt8(ascii: "\n")] + Array(parameter.utf8) }
        print += [UInt8(ascii: "\n")]
        if !call.request.body.isEmpty {
            do throws(JSONError) {
                print += IdempotencyHeader.canonical(try JSONReader.value(of: call.request.body))
            } catch {
                throw .badJSON(error)
            }
        }
        return IdempotencyKey(
            endpoint: act, key: key, fingerprint: around.digest(print),
            expiresAt: call.now + call.settings.idempotency.retention)
    }

    /// The earlier answer to the same key. Looked for first, so that a limit that the first request reached does not
    /// stand in the way of its repetition.
    func again(_ key: IdempotencyKey?, _ status: HTTPStatus, _ call: Call) async throws(Refusal) -> HTTPResponse? {
        guard let key else { return nil }
        let account = try call.principal.account
        let replay = try await ask { () async throws(StoreError) in
            try await store.keptAnswer(key, account: account, now: call.now)
        }
        return try replay.map { replay throws(Refusal) in try Self.again(replay, status) }
    }

    static func again(_ replay: Replay, _ status: HTTPStatus) throws(Refusal) -> HTTPResponse {
        guard case .answer(_, let body) = replay else { throw .idempotencyMismatch }
        var headers = jsonHeaders
        headers.add("Idempotent-Replayed", "true")
        return HTTPResponse(status, headers: headers, body: .bytes(body))
    }

    /// Answers `body`, or what was answered to the same key before: `act` says which.
    func answer(
        _ body: [UInt8], _ status: HTTPStatus, once key: IdempotencyKey?, _ call: Call,
        _ act: (KeptAnswer?) async throws(StoreError) -> Replay?
    ) async throws(Refusal) -> HTTPResponse {
        let kept = key.map { KeptAnswer(key: $0, body: body, at: call.now) }
        let earlier = try await ask { () async throws(StoreError) in try await act(kept) }
        if let earlier { return try Self.again(earlier, status) }
        return HTTPResponse(status, headers: Self.jsonHeaders, body: .bytes(body))
    }
}
