import Domain
import HTTP
import JSON
import Store

extension API {
    static let adminCredits: [Endpoint] = [
        Endpoint(
            .post, "/admin/v1/accounts/{account}/credits", .operating, body: .json, .later(API.grantCredits),
            .grantCredits),
        Endpoint(
            .post, "/admin/v1/accounts/{account}/adjust", .operating, body: .json, .later(API.adjustCredits),
            .adjustCredits),
        Endpoint(
            .get, "/admin/v1/accounts/{account}/wallet", .operating, .later(API.showWallet), .showWallet),
        Endpoint(
            .get, "/admin/v1/accounts/{account}/ledger", .operating, .later(API.showLedger), .showLedger),
        Endpoint(.get, "/admin/v1/ledger/verify", .operating, .later(API.verifyLedger), .verifyLedger),
    ]

    /// Grants credits once per reference: the same reference again answers the first grant and moves nothing.
    @Sendable func grantCredits(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let account = try await account(call)
        var fields = try Fields(call.request.body)
        let amount = fields.required("amount") { $0.credits("amount", from: 1) }
        let reference = fields.required("reference") { $0.text("reference", bytes: 1...255) }
        fields.refuse(allBut: ["amount", "reference"])
        try fields.check()
        guard let amount, let reference else { throw .broken("a grant without amount passed its checks") }
        let outcome = try await ask { () async throws(StoreError) in
            try await store.grant(amount, to: account.id, reference: reference, now: call.now)
        }
        switch outcome {
        case .granted(let posting):
            try await note(call, "credits.grant", "account:\(account.id)", "\(amount), reference \(reference)")
            return Self.moved(posting, status: .created, isReplay: false)
        case .alreadyGranted(let posting):
            guard posting.amount == amount, posting.to == .wallet(account.id) else {
                throw .conflict(
                    code: "reference_reused", message: "This reference was used for another grant; nothing was moved.")
            }
            return Self.moved(posting, status: .ok, isReplay: true)
        }
    }

    /// Gives or takes by hand, with a reason. A reason may be given twice, so it is the Idempotency-Key that makes a
    /// retry safe.
    @Sendable func adjustCredits(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let account = try await account(call)
        var fields = try Fields(call.request.body)
        let amount = fields.required("amount") { $0.credits("amount", from: -Credits.limit) }
        if amount == .zero { fields.fault(FieldFault("amount", "amount must not be 0.")) }
        let reason = fields.required("reason") { $0.text("reason", bytes: 1...255) }
        fields.refuse(allBut: ["amount", "reason"])
        try fields.check()
        guard let amount, let reason else { throw .broken("an adjustment without amount passed its checks") }
        let actor = call.actor
        let key = try onceOnly(call, "credits-adjust")
        let outcome = try await ask { () async throws(StoreError) in
            try await store.adjust(amount, account: account.id, reason: reason, by: actor, once: key, now: call.now)
        }
        switch outcome {
        case .adjusted(let posting): return Self.moved(posting, status: .created, isReplay: false)
        case .alreadyAdjusted(let posting): return Self.moved(posting, status: .created, isReplay: true)
        case .mismatch: throw .idempotencyMismatch
        }
    }

    @Sendable func showWallet(_ call: Call) async throws(Refusal) -> HTTPResponse {
        try await wallet(of: try await account(call).id)
    }

    @Sendable func showLedger(_ call: Call) async throws(Refusal) -> HTTPResponse {
        try await ledger(of: try await account(call).id, call.request)
    }

    /// Folds the whole ledger. `head=SEQUENCE:HASH`, saved from an earlier answer, proves that nothing before it
    /// was changed or cut off.
    @Sendable func verifyLedger(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var query = QueryFields(call.request)
        let given = query.text("head")
        try query.check()
        let saved = given.flatMap(LedgerHead.init)
        if let given, saved == nil {
            let wants = "head must be SEQUENCE:HASH, as a verification answers it"
            let shown = JSONValue.string(String(given.prefix(96)))
            throw .invalid([FieldFault("head", "\(wants); got \(shown).", value: .string(given))])
        }
        let report = try await ask { () async throws(StoreError) in try await store.verifyLedger(against: saved) }
        var json = JSONWriter()
        json.object { json in
            json.member("ok", report.violation == nil)
            json.member("postings", report.postings)
            json.member("head", report.head.description)
            json.object("sums") { json in
                for (name, sum) in report.sums.sorted(by: { $0.key < $1.key }) { json.member(name, sum.amount) }
            }
            json.key("violation")
            guard let violation = report.violation else { return json.null() }
            json.object {
                $0.member("invariant", violation.invariant)
                $0.member("sequence", violation.sequence)
                $0.member("message", violation.message)
            }
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    private static func moved(_ posting: Posting, status: HTTPStatus, isReplay: Bool) -> HTTPResponse {
        var json = JSONWriter()
        json.write(posting)
        var headers = jsonHeaders
        if isReplay { headers.add("Idempotent-Replayed", "true") }
        return HTTPResponse(status, headers: headers, body: .bytes(json.bytes))
    }
}

extension Fields {
    /// Reads a field that must be there.
    mutating func required<V>(_ name: String, _ read: (inout Fields) -> V?) -> V? {
        guard has(name) else {
            fault(FieldFault(name, "\(name) is missing."))
            return nil
        }
        return read(&self)
    }
}
