import Domain

/// What went wrong at an upstream, as far as what comes next depends on it.
package enum Trouble: Hashable, Sendable {
    /// The customer's own doing: the picture, the content. Nobody else will take it either.
    case input(code: String)
    /// The provider calls invalid what our table let through: its table or ours is wrong.
    case disputed
    /// Our key is no good there, or our balance is used up.
    case account
    /// Not now; `wait` if it said how long.
    case busy(wait: Duration?)
    /// It could not be reached, or broke: nothing was bought.
    case unreachable
    /// It was sent and nobody knows whether it was bought.
    case unknown
    /// It took the job, and the job failed, is gone, or its file cannot be had.
    case generation
}

/// What follows from trouble: pure, so that the whole table of design can be read and tested here.
package struct Verdict: Sendable {
    package var pace: Pace
    /// Attempts begun for one slot, at most: crashes count, for they are counted before they can happen.
    package var maxAttempts: Int

    /// A provider that only says "not now" is asked this many times as often before its slot is given up: it broke
    /// nothing and bought nothing, and each time is longer after the last.
    private static let patienceWithBusy = 4

    package init(pace: Pace, maxAttempts: Int) {
        self.pace = pace
        self.maxAttempts = maxAttempts
    }

    /// Submits begun for one slot after which there are no more, whatever became of them.
    package func mostSubmits(of slot: Slot) -> Int {
        let wasBusy = slot.attempt?.outcome == .refused && slot.attempt?.evidence?.fault == "busy"
        return wasBusy ? maxAttempts * Self.patienceWithBusy : maxAttempts
    }

    /// After a submit. `slot` is as it was before the attempt; `others` says whether somebody else could take it.
    package func onSubmit(
        _ trouble: Trouble, _ evidence: Evidence, slot: Slot, at provider: ProviderID, others: Bool, now: Instant,
        random: inout some RandomNumberGenerator
    ) -> SlotEvent {
        let tries = slot.tries + 1
        let wasRefusedHere = slot.attempt?.provider == provider && slot.attempt?.outcome == .refused
        let later = now + pace.backoff(after: tries, random: &random)
        func back(
            at moment: Instant, spent: Bool, secondChance: Bool = false, most: Int? = nil
        ) -> SlotEvent {
            guard tries < most ?? maxAttempts else { return .failed(exhausted(evidence, tries: tries), evidence) }
            return .setBack(
                evidence, .init(outcome: .refused, retryAt: moment, spent: spent, secondChance: secondChance))
        }
        switch trouble {
        case .input(let code):
            return .failed(Failure(code: code, message: evidence.message), evidence)
        case .disputed:
            guard others, slot.secondChances == 0 else {
                return .failed(
                    Failure(code: "provider_refused", message: "\(provider) refused it: \(evidence.message)"), evidence)
            }
            return back(at: now, spent: true, secondChance: true)
        case .account:
            // The provider's own standing keeps it from being asked again too soon; the slot only goes back.
            return back(at: now, spent: others)
        case .busy:
            return back(at: others ? now : later, spent: false, most: maxAttempts * Self.patienceWithBusy)
        case .unreachable:
            return back(at: others && wasRefusedHere ? now : later, spent: others && wasRefusedHere)
        case .unknown:
            return .lost(evidence, reconcileAt: now + pace.wait(.seconds(1)))
        case .generation:
            return onGeneration(trouble, evidence, slot: slot, others: others, now: now) ?? back(at: later, spent: true)
        }
    }

    /// After a job failed at the provider, or its result cannot be had. Nil where the trouble is not the job's:
    /// then it is looked at again.
    package func onGeneration(
        _ trouble: Trouble, _ evidence: Evidence, slot: Slot, others: Bool, now: Instant
    ) -> SlotEvent? {
        switch trouble {
        case .input(let code):
            return .failed(Failure(code: code, message: evidence.message), evidence)
        case .disputed, .generation:
            guard others, slot.secondChances == 0, slot.tries < maxAttempts else {
                return .failed(Failure(code: "generation_failed", message: evidence.message), evidence)
            }
            return .setBack(evidence, .init(outcome: .failed, retryAt: now, spent: true, secondChance: true))
        case .account, .busy, .unreachable, .unknown:
            return nil
        }
    }

    private func exhausted(_ evidence: Evidence, tries: Int) -> Failure {
        Failure(
            code: "too_many_attempts",
            message: "No provider took it in \(tries) attempts; the last said: \(evidence.message)")
    }
}
