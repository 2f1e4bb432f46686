import Domain
import JSON
import Store

extension API {
    /// Everything that is known of a task. Customers see what concerns them; the operator also sees what upstreams
    /// said and what they cost.
    func story(of found: RenderedTask, forOperator isOperator: Bool) async throws(Refusal) -> [UInt8] {
        let task = found.task
        let attempts = try await ask { () async throws(StoreError) in try await store.attempts(of: task.id) }
        let postings = try await ask { () async throws(StoreError) in try await store.postings(of: task.id) }
        var json = JSONWriter(reserving: 4096)
        json.object { json in
            json.member("task_id", task.id.description)
            if isOperator {
                json.member("account_id", task.account.description)
                json.member("key_id", task.key.description)
            }
            if let trace = task.request.trace {
                json.member("request_id", trace.request)
                json.member("trace_id", trace.id)
            }
            json.object("asked") { $0.write(task.request) }
            json.array("seeds") { for slot in task.slots { $0.integer(slot.seed) } }
            json.array("adjustments") { for adjustment in task.adjustments { $0.write(adjustment) } }
            json.array("attempts") { json in
                for (slot, attempt) in attempts { json.write(attempt, slot: slot, forOperator: isOperator) }
            }
            json.key("answered")
            json.raw(utf8: found.body)
            json.object("charged") { json in
                json.member("credits", task.charged)
                json.member("held", task.price.amount)
                json.member("settled", task.settled.amount)
                json.member("refunded", task.refunded.amount)
                json.array("postings") { for posting in postings { $0.write(posting) } }
            }
        }
        return json.bytes
    }
}

extension JSONWriter {
    /// What was asked: given values as given, and those in force beside them.
    mutating func write(_ request: GenerationRequest) {
        switch request.picture {
        case .url(let url): member("image_url", url)
        case .kept(let picture):
            object("image") {
                $0.member("sha256", picture.sha256)
                $0.member("format", picture.format.rawValue)
                $0.member("size_bytes", picture.byteCount)
                $0.member("width", picture.width)
                $0.member("height", picture.height)
            }
        }
        object("given") { json in
            for parameter in Parameter.allCases {
                if let value = request.parameters.given[parameter] { json.member(parameter.rawValue, value.json) }
            }
        }
        object("in_force") { json in
            for parameter in Parameter.allCases {
                if let value = request.parameters[parameter] { json.member(parameter.rawValue, value.json) }
            }
        }
        switch request.choice {
        case .auto: member("provider", "auto")
        case .only(let providers): array("provider") { for id in providers { $0.string(id.rawValue) } }
        }
        member("fallback", request.fallback)
        member("on_unsupported", request.onUnsupported.rawValue)
        member("response_format", request.responseFormat.rawValue)
        member("priority", request.priority.rawValue)
        member("ttl", request.ttl.map { $0.components.seconds })
        member("cancel_after", request.cancelAfter.map { $0.components.seconds })
        member("start_within", request.startWithin.map { $0.components.seconds })
    }

    mutating func write(_ attempt: Attempt, slot: Int, forOperator isOperator: Bool) {
        object {
            $0.member("slot", slot)
            $0.member("number", attempt.number)
            $0.member("provider", attempt.provider.rawValue)
            $0.member("began_at", attempt.beganAt.description)
            $0.member("accepted_at", attempt.acceptedAt?.description)
            $0.member("ended_at", attempt.endedAt?.description)
            $0.member("outcome", attempt.outcome?.rawValue)
            $0.member("fault", attempt.evidence?.fault)
            $0.member("message", attempt.evidence?.message)
            guard isOperator else { return }
            $0.member("attempt_id", attempt.id.description)
            $0.member("upstream_id", attempt.handle?.id)
            $0.member("upstream_http_status", attempt.evidence?.status)
            $0.member("excerpt", attempt.evidence?.excerpt)
            $0.member("cost_microdollars", attempt.costMicrodollars)
            $0.member("boot", attempt.boot)
        }
    }

    mutating func write(_ posting: Posting) {
        object {
            $0.member("sequence", posting.sequence)
            $0.member("kind", posting.kind.rawValue)
            $0.member("debit", posting.from.publicName)
            $0.member("credit", posting.to.publicName)
            $0.member("amount", posting.amount.amount)
            $0.member("at", posting.at.description)
            $0.member("task_id", posting.task?.description)
            $0.member("slot", posting.slot)
            $0.member("item", posting.item?.rawValue)
            $0.member("reference", posting.reference)
            // The wallet's. A settlement moves what the house holds for all its customers, and that is nobody's to read.
            let isWallets = posting.from.isWallet || posting.to.isWallet
            $0.member("balance_after", isWallets ? posting.balanceAfter.amount : nil)
            $0.member("account_sequence", isWallets ? posting.accountSequence : nil)
        }
    }
}

extension LedgerAccount {
    /// A customer has one wallet and need not know its inner name.
    fileprivate var publicName: String { isWallet ? "wallet" : name }

    fileprivate var isWallet: Bool {
        if case .wallet = self { true } else { false }
    }
}

extension ParameterValue {
    var json: JSONValue {
        switch self {
        case .integer(let value): .integer(value)
        case .number(let value): Int64(exactly: value).map(JSONValue.integer) ?? .decimal(JSONDecimal(value))
        case .flag(let value): .bool(value)
        case .word(let value): .string(value)
        }
    }
}
