import Domain
import HTTP
import JSON
import Store

// What an operator decides about a task that the machine leaves alone.

/// What became of a job whose fate nobody knows.
enum Resolution: String, Sendable, CaseIterable {
    /// The provider has no such job: send it again.
    case resubmit
    /// Give up: the task fails and the credits come back.
    case fail
}

extension API {
    /// Takes the next step of a waiting task now, whatever it was waiting for.
    @Sendable func retryTask(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let task = try await anyTask(call).task
        let words = "The operator asked for it to be looked at now."
        let changed = try await apply(to: task, at: call.now) { slot in
            switch slot.state {
            case .queued, .unknown, .fetching: .deferred(until: call.now)
            case .running: .progressed(percent: nil, upstreamStatus: nil, pollAt: call.now)
            case .submitting, .finished, .failed, .canceled, .expired: nil
            }
        }
        guard changed > 0 else {
            throw .conflict(code: "nothing_waits", message: "Nothing of this task waits: it is \(task.state.rawValue).")
        }
        try await note(call, "tasks.retry", "task:\(task.id)", words)
        return Self.said("\(changed) of \(task.slots.count) are due now.")
    }

    /// Decides about submits that were sent and never answered. Whoever decides has looked at the provider.
    @Sendable func resolveTask(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var fields = try Fields(call.request.body)
        let action = fields.required("action") { $0.word("action", Resolution.self) }
        fields.refuse(allBut: ["action"])
        try fields.check()
        guard let action else { throw .broken("a resolution without action passed its checks") }
        let task = try await anyTask(call).task
        let changed = try await apply(to: task, at: call.now) { slot in
            guard slot.state == .unknown else { return nil }
            switch action {
            case .resubmit:
                return .setBack(
                    Evidence(fault: "resolved", message: "The operator found that the provider has no such job."),
                    SlotEvent.Setback(outcome: .refused, retryAt: call.now, spent: false))
            case .fail:
                let words = "No answer came from the provider, and the operator gave the work up."
                return .failed(Failure(code: "outcome_unknown", message: words), nil)
            }
        }
        guard changed > 0 else {
            throw .conflict(
                code: "nothing_unknown", message: "Nothing of this task is unknown: it is \(task.state.rawValue).")
        }
        try await note(call, "tasks.resolve", "task:\(task.id)", action.rawValue)
        return Self.said(
            action == .resubmit ? "\(changed) will be sent again." : "\(changed) failed; the credits are back.")
    }

    /// Applies what `event` makes of each slot; answers how many it changed. A slot that moved on meanwhile is left.
    private func apply(
        to task: GenerationTask, at now: Instant, _ event: (Slot) -> SlotEvent?
    ) async throws(Refusal) -> Int {
        var changed = 0
        for slot in task.slots {
            guard let event = event(slot) else { continue }
            let reference = SlotReference(task: task.id, slot: slot.index, attempt: slot.attempt?.id)
            let applied = try await ask { () async throws(StoreError) in
                try await store.apply(event, to: reference, at: now)
            }
            if case .changed = applied { changed += 1 }
        }
        return changed
    }
}
