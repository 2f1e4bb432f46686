import Domain
import Testing

@testable import Work

/// The table of faults, row by row.
@Suite struct VerdictTests {
    private let now = Instant(milliseconds: 1_760_000_000_000)
    private let verdict = Verdict(pace: Pace(), maxAttempts: 5)
    private let evidence = Evidence(fault: "test", message: "it said so")

    private func slot(tries: Int = 0, last: ProviderID? = nil, secondChances: Int = 0) -> Slot {
        var slot = Slot(index: 0, seed: 1, charges: [], dueAt: now)
        slot.tries = tries
        slot.secondChances = secondChances
        if let last {
            slot.attempt = Attempt(
                id: .new(at: now), number: tries, provider: last, token: "t", boot: 1, beganAt: now)
            slot.attempt?.outcome = .refused
        }
        return slot
    }

    private func onSubmit(_ trouble: Trouble, _ slot: Slot, others: Bool) -> SlotEvent {
        var random = SystemRandomNumberGenerator()
        return verdict.onSubmit(
            trouble, evidence, slot: slot, at: "fal", others: others, now: now, random: &random)
    }

    @Test func `the customer's own mistake ends it at once`() {
        let event = onSubmit(.input(code: "content_policy"), slot(), others: true)
        #expect(event == .failed(Failure(code: "content_policy", message: "it said so"), evidence))
    }

    @Test func `a disputed request goes elsewhere once`() {
        #expect(
            onSubmit(.disputed, slot(), others: true)
                == .setBack(evidence, .init(outcome: .refused, retryAt: now, spent: true, secondChance: true)))
        for event in [
            onSubmit(.disputed, slot(secondChances: 1), others: true), onSubmit(.disputed, slot(), others: false),
        ] {
            guard case .failed(let failure, _) = event else {
                Issue.record("should have failed: \(event)")
                continue
            }
            #expect(failure.code == "provider_refused")
        }
    }

    @Test func `a bad key sends it elsewhere, or lets it wait for an operator`() {
        #expect(
            onSubmit(.account, slot(), others: true)
                == .setBack(evidence, .init(outcome: .refused, retryAt: now, spent: true)))
        #expect(
            onSubmit(.account, slot(), others: false)
                == .setBack(evidence, .init(outcome: .refused, retryAt: now, spent: false)))
    }

    @Test func `an unreachable provider is tried again, then the next`() {
        guard case .setBack(_, let first) = onSubmit(.unreachable, slot(), others: true) else {
            Issue.record("not set back")
            return
        }
        #expect(!first.spent)
        #expect(first.retryAt >= now + .milliseconds(800) && first.retryAt <= now + .milliseconds(1200))
        #expect(
            onSubmit(.unreachable, slot(tries: 1, last: "fal"), others: true)
                == .setBack(evidence, .init(outcome: .refused, retryAt: now, spent: true)))
    }

    @Test func `with nobody else it is tried again ever more slowly, and not for ever`() {
        var last = now
        for tries in 0..<4 {
            guard
                case .setBack(_, let setback) = onSubmit(
                    .unreachable, slot(tries: tries, last: "fal"), others: false)
            else {
                Issue.record("not set back at \(tries)")
                return
            }
            #expect(!setback.spent)
            #expect(setback.retryAt > last)
            last = setback.retryAt
        }
        guard case .failed(let failure, _) = onSubmit(.unreachable, slot(tries: 4, last: "fal"), others: false) else {
            Issue.record("should have failed")
            return
        }
        #expect(failure.code == "too_many_attempts")
    }

    @Test func `what may have been bought is never sent again`() {
        for others in [true, false] {
            guard case .lost = onSubmit(.unknown, slot(), others: others) else {
                Issue.record("not lost")
                return
            }
        }
    }

    @Test func `a failed generation goes elsewhere once`() {
        #expect(
            verdict.onGeneration(.generation, evidence, slot: slot(tries: 1), others: true, now: now)
                == .setBack(evidence, .init(outcome: .failed, retryAt: now, spent: true, secondChance: true)))
        for slot in [slot(tries: 2, secondChances: 1), slot(tries: 5)] {
            guard
                case .failed(let failure, _)? = verdict.onGeneration(
                    .generation, evidence, slot: slot, others: true, now: now)
            else {
                Issue.record("should have failed")
                continue
            }
            #expect(failure.code == "generation_failed")
        }
    }

    @Test(arguments: [Trouble.account, .busy(wait: nil), .unreachable, .unknown])
    func `a look that fails says nothing of the job`(trouble: Trouble) {
        #expect(verdict.onGeneration(trouble, evidence, slot: slot(tries: 1), others: true, now: now) == nil)
    }
}
