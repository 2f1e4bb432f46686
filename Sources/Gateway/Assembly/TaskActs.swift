import API
import Domain
import Store
import Work

/// What an operator decides about one task. Everything goes the way of ordinary events, so no state can be reached
/// that the machine does not know.
struct TaskActs {
    let store: any Store
    let clock: RunClock

    /// Whatever waits for its next step takes it now.
    func retry(_ id: TaskID) async -> Result<String, ActRefusal> {
        await each(of: id, nothing: "nothing of the task waits: it has ended, or is being worked on") { slot, now in
            switch slot.state {
            case .queued, .unknown, .fetching: .deferred(until: now)
            case .running: .progressed(percent: nil, upstreamStatus: slot.upstreamStatus, pollAt: now)
            case .submitting, .finished, .failed, .canceled, .expired: nil
            }
        }.map { "\($0) of the task's results will be looked at now." }
    }

    /// The operator has looked at the provider's own list and says what is to be done.
    func resolve(_ id: TaskID, _ resolution: Resolution) async -> Result<String, ActRefusal> {
        await each(of: id, nothing: "no result of the task is of unknown outcome") { slot, now in
            guard slot.state == .unknown else { return nil }
            switch resolution {
            case .resubmit:
                let evidence = Evidence(fault: "resolved", message: "an operator says that nothing was bought")
                return .setBack(evidence, .init(outcome: .refused, retryAt: now, spent: false))
            case .fail:
                return .failed(
                    Failure(
                        code: "unknown_outcome",
                        message: "The provider never answered, and the work could not be found there."), nil)
            }
        }.map {
            resolution == .resubmit
                ? "\($0) of the task's results will be sent again."
                : "\($0) of the task's results have failed and were refunded."
        }
    }

    private func each(
        of id: TaskID, nothing: String, _ event: (Slot, Instant) -> SlotEvent?
    ) async -> Result<Int, ActRefusal> {
        do throws(StoreError) {
            guard let task = try await store.task(id) else { return .failure(.notFound("task")) }
            let now = clock.now()
            var count = 0
            for index in task.slots.indices {
                guard let event = event(task.slots[index], now) else { continue }
                if case .changed = try await store.apply(
                    event, to: DueSlot(task: task, index: index).reference, at: now)
                {
                    count += 1
                }
            }
            return count > 0 ? .success(count) : .failure(.refused(nothing))
        } catch {
            return .failure(.refused("the store refused: \(error)"))
        }
    }
}
