/// What can happen to a slot. Work says what happened; the machine below says what follows.
package enum SlotEvent: Hashable, Sendable {
    /// The intent to send is to be committed before the first byte goes out.
    case began(Attempt)
    /// Nobody can take it now: look again at `until`.
    case deferred(until: Instant)
    /// The provider has it.
    case accepted(UpstreamHandle, pollAt: Instant)
    /// Sent, no answer: look again at `reconcileAt`.
    case lost(Evidence, reconcileAt: Instant)
    /// The provider said no, or the job failed there; the slot goes back to the queue.
    case setBack(Evidence, Setback)
    /// News from a running job, or none.
    case progressed(percent: Int?, upstreamStatus: String?, pollAt: Instant)
    /// The provider is done; fetching begins.
    case ready(UpstreamHandle)
    /// Finished work is about to be taken in hand: counted before it can go wrong. Due again at `until` if nothing
    /// more is heard of it.
    case handling(until: Instant)
    /// The file is ours.
    case finished(Finish)
    case failed(Failure, Evidence?)
    case canceled(Failure)
    case expired(Failure)

    package struct Setback: Hashable, Sendable {
        /// What became of the attempt.
        package let outcome: Attempt.Outcome
        package let retryAt: Instant
        /// This provider is not to be asked again for this slot.
        package let spent: Bool
        /// It used up the one chance to go elsewhere after a refusal of the input or a failed generation.
        package let secondChance: Bool

        package init(outcome: Attempt.Outcome, retryAt: Instant, spent: Bool, secondChance: Bool = false) {
            self.outcome = outcome
            self.retryAt = retryAt
            self.spent = spent
            self.secondChance = secondChance
        }
    }

    package struct Finish: Hashable, Sendable {
        package let model: Asset
        package let thumbnail: Asset?
        package let costMicrodollars: Int64?
        package let adjustments: [Adjustment]
        /// When the files may go.
        package let expiresAt: Instant

        package init(
            model: Asset, thumbnail: Asset?, costMicrodollars: Int64?, adjustments: [Adjustment] = [],
            expiresAt: Instant
        ) {
            self.model = model
            self.thumbnail = thumbnail
            self.costMicrodollars = costMicrodollars
            self.adjustments = adjustments
            self.expiresAt = expiresAt
        }
    }

    /// The state it leads to from `state`.
    package func target(from state: TaskState) -> TaskState {
        switch self {
        case .began: .submitting
        case .deferred, .progressed, .handling: state
        case .accepted: .running
        case .lost: .unknown
        case .setBack: .queued
        case .ready: .fetching
        case .finished: .finished
        case .failed: .failed
        case .canceled: .canceled
        case .expired: .expired
        }
    }
}

/// What must be written together with a change of state, in the same transaction.
package enum Effect: Hashable, Sendable {
    case settle(Charge)
    case refund(Charge)
    case announce(Event.Kind)
}

/// Why an event was not taken. Neither changes anything.
package enum TransitionRefusal: Error, Hashable, Sendable {
    /// The slot has moved on: another attempt, or already final. A late result ends here.
    case stale(TaskState)
    case noSuchSlot
}

extension GenerationTask {
    /// Applies `event` to a slot; pure. `attempt` names the try the event speaks of, where there is one:
    /// news of an earlier try is stale, whatever it says.
    ///
    /// Money follows state here and nowhere else: a slot that ends finished settles what was held for it
    /// (a thumbnail that could not be made comes back), and one that ends otherwise refunds all of it.
    package mutating func apply(
        _ event: SlotEvent, toSlot index: Int, attempt: AttemptID?, at now: Instant
    ) throws(TransitionRefusal) -> [Effect] {
        guard slots.indices.contains(index) else { throw .noSuchSlot }
        var slot = slots[index]
        let target = event.target(from: slot.state)
        if let attempt, slot.attempt?.id != attempt { throw .stale(slot.state) }
        if target == slot.state {
            guard event.isNews(in: slot.state) else { throw .stale(slot.state) }
        } else {
            guard slot.state.canBecome(target) else { throw .stale(slot.state) }
        }
        let started = startedAt != nil
        let before = (slot.state, slot.upstreamStatus, progress)
        var effects = slot.take(event, target: target, at: now)
        slots[index] = slot
        follow(event, started: started, at: now, effects: &effects)
        if (slot.state, slot.upstreamStatus, progress) != before { version += 1 }
        return effects
    }

    /// The task's own fields, from those of its slots.
    private mutating func follow(
        _ event: SlotEvent, started: Bool, at now: Instant, effects: inout [Effect]
    ) {
        state = TaskState.combining(slots.map(\.state))
        if case .finished(let finish) = event {
            for adjustment in finish.adjustments where !adjustments.contains(adjustment) {
                adjustments.append(adjustment)
            }
            expiresAt = max(expiresAt ?? finish.expiresAt, finish.expiresAt)
        }
        if !started, state == .running || state == .fetching || state == .finished {
            startedAt = now
            effects.append(.announce(.taskStarted))
        }
        if state.isFinal {
            finishedAt = now
            failure = state == .finished ? nil : slots.lazy.compactMap(\.failure).first
            if state == .finished { progress = 100 }
            effects.append(.announce(Event.Kind(end: state)))
        } else {
            let mean = slots.reduce(0) { $0 + ($1.state.isFinal ? 100 : $1.progress) } / max(1, slots.count)
            progress = max(progress, min(99, mean))
        }
    }
}

extension SlotEvent {
    /// Whether it may come without a change of state.
    fileprivate func isNews(in state: TaskState) -> Bool {
        switch self {
        case .deferred: state == .queued || state == .unknown || state == .fetching
        case .progressed: state == .running
        case .handling: state == .fetching
        default: false
        }
    }
}

extension Slot {
    fileprivate mutating func take(_ event: SlotEvent, target: TaskState, at now: Instant) -> [Effect] {
        state = target
        switch event {
        case .began(let attempt):
            self.attempt = attempt
            tries += 1
            dueAt = nil
            upstreamStatus = nil
        case .deferred(let until):
            dueAt = until
            handlings = 0
        case .handling(let until):
            dueAt = until
            handlings += 1
        case .accepted(let handle, let pollAt):
            attempt?.handle = handle
            attempt?.acceptedAt = now
            // It was found again: whatever comes of it now, it is no longer unknown.
            attempt?.outcome = nil
            dueAt = pollAt
        case .lost(let evidence, let reconcileAt):
            attempt?.outcome = .unknown
            attempt?.evidence = evidence
            dueAt = reconcileAt
        case .setBack(let evidence, let setback):
            endAttempt(setback.outcome, evidence, at: now)
            if setback.spent, let provider = attempt?.provider, !spent.contains(provider) { spent.append(provider) }
            if setback.secondChance { secondChances += 1 }
            dueAt = setback.retryAt
        case .progressed(let percent, let status, let pollAt):
            progress = max(progress, min(99, percent ?? progress))
            upstreamStatus = status ?? upstreamStatus
            checkedAt = now
            dueAt = pollAt
        case .ready(let handle):
            attempt?.handle = handle
            if attempt?.acceptedAt == nil { attempt?.acceptedAt = now }
            checkedAt = now
            dueAt = now
            handlings = 0
        case .finished(let finish):
            endAttempt(.succeeded, nil, at: now)
            attempt?.costMicrodollars = finish.costMicrodollars
            model = finish.model
            thumbnail = finish.thumbnail
            progress = 100
            dueAt = nil
            return charges.map { $0.item == .thumbnail && finish.thumbnail == nil ? .refund($0) : .settle($0) }
        case .failed(let failure, let evidence):
            // What was never accepted was refused: nothing was bought.
            return end(
                failure, outcome: attempt?.acceptedAt == nil && attempt?.outcome != .unknown ? .refused : .failed,
                evidence: evidence, at: now)
        case .canceled(let failure), .expired(let failure):
            return end(failure, outcome: .abandoned, evidence: nil, at: now)
        }
        return []
    }

    private mutating func end(
        _ failure: Failure, outcome: Attempt.Outcome, evidence: Evidence?, at now: Instant
    ) -> [Effect] {
        endAttempt(outcome, evidence, at: now)
        self.failure = failure
        dueAt = nil
        return charges.map(Effect.refund)
    }

    /// An attempt ends once; an unknown outcome that is given up stays unknown, for the operator.
    private mutating func endAttempt(_ outcome: Attempt.Outcome, _ evidence: Evidence?, at now: Instant) {
        guard attempt != nil, attempt?.endedAt == nil else { return }
        attempt?.endedAt = now
        if attempt?.outcome != .unknown || outcome == .succeeded || outcome == .refused { attempt?.outcome = outcome }
        if let evidence { attempt?.evidence = evidence }
    }
}
