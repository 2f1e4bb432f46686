import Domain
import JSON
import Store

// Who could take a request, and what stands in its way before anything is stored.

extension API {
    /// The task as it would be written, and who would be asked first; all that can be refused before anything is stored.
    func considered(
        _ draft: Draft, _ principal: Principal, _ call: Call
    ) throws(Refusal) -> (task: GenerationTask, choice: RouteChoice?) {
        guard !around.isFull() else { throw .noRoom }
        let choice = try taker(of: draft.request, principal)
        let task = try task(for: draft, principal, call)
        if let balance = store.balance(of: principal.account), balance < task.price {
            throw .insufficientCredits(required: task.price, balance: balance)
        }
        return (task, choice)
    }

    /// Who would be asked first; a request that nobody could ever take is refused before it costs anything.
    func taker(of request: GenerationRequest, _ principal: Principal) throws(Refusal) -> RouteChoice? {
        if request.metadata["sandbox"] == nil, let taker = around.taker(request, principal.limits) { return taker }
        let choices = around.route(request, principal.limits)
        let fitting = choices.filter(\.fits)
        if fitting.contains(where: { !$0.isOff }) {
            try checkSandboxWord(request, fitting)
            return fitting.first
        }
        // To wait for a provider is the queue's business, but not for one that somebody has switched off.
        guard fitting.isEmpty, !choices.isEmpty, around.providers().contains(where: \.isEnabled) else {
            throw .providersOff
        }
        let obstacles = choices.flatMap { choice in
            choice.obstacles.filter { !$0.isTemporary }.map {
                FieldFault($0.parameter ?? "provider", "\(choice.provider): \($0.message)", provider: choice.provider)
            }
        }
        throw .noProvider(obstacles, isAdjustable: isAdjustable(request, principal))
    }

    /// Whether somebody could take it with the nearest values, which it does not allow yet.
    private func isAdjustable(_ request: GenerationRequest, _ principal: Principal) -> Bool {
        guard request.onUnsupported == .refuse else { return false }
        var bent = request
        bent.onUnsupported = .adjust
        return around.route(bent, principal.limits).contains(where: \.fits)
    }

    /// A misspelt wish to the sandbox would pass for none: whoever tests how their app takes a failure would see
    /// none. To other providers the same name in `metadata` means nothing.
    func checkSandboxWord(_ request: GenerationRequest, _ choices: [RouteChoice]) throws(Refusal) {
        guard let word = request.metadata["sandbox"], choices.contains(where: { $0.provider == .sandbox }),
            !around.sandboxWords.isEmpty, !around.sandboxWords.contains(word)
        else { return }
        let list = around.sandboxWords.map { "\"\($0)\"" }.joined(separator: ", ")
        throw .invalid([
            FieldFault(
                "metadata.sandbox",
                "metadata.sandbox asks the sandbox for something it does not know; it knows \(list).",
                value: .string(word), allowed: .array(around.sandboxWords.map(JSONValue.string)),
                suggestion: Spelling.nearest(to: word, of: around.sandboxWords).map { "Did you mean \($0)?" })
        ])
    }
}
