import Domain

/// What could happen next, likely or not: submits, news in and out of order, of this attempt or an earlier one.
struct RandomLife {
    struct Step {
        let event: SlotEvent
        let task: TaskID
        let slot: Int
        let attempt: AttemptID?
        let now: Instant
    }

    enum Act {
        case submit(GenerationTask)
        case step(Step)
    }

    var accounts: [AccountID]
    var keys: [KeyID]
    private var open: [TaskID] = []
    private var attempts: [TaskID: [AttemptID]] = [:]
    private var now = Instant(milliseconds: 1_760_000_000_000)

    init(random: inout SeededNumbers) {
        let start = now
        accounts = []
        keys = []
        for _ in 0..<5 {
            accounts.append(AccountID(at: start, random: &random))
            keys.append(KeyID(at: start, random: &random))
        }
    }

    mutating func act(on house: HouseModel, random: inout SeededNumbers) -> Act {
        now = now + .milliseconds(Int.random(in: 0...2000, using: &random))
        if open.isEmpty || (open.count < 40 && Int.random(in: 0..<4, using: &random) == 0) {
            return .submit(submit(&random))
        }
        let place = Int.random(in: 0..<open.count, using: &random)
        let id = open[place]
        guard let task = house.tasks[id] else {
            open.remove(at: place)
            return .submit(submit(&random))
        }
        // Ended ones stay a while: late news is what the machine must withstand.
        if task.state.isFinal, Int.random(in: 0..<6, using: &random) == 0 { open.remove(at: place) }
        return .step(step(of: task, &random))
    }

    private mutating func submit(_ random: inout SeededNumbers) -> GenerationTask {
        let place = Int.random(in: 0..<accounts.count, using: &random)
        let id = TaskID(at: now, random: &random)
        let withThumbnail = Bool.random(using: &random)
        var slots: [Slot] = []
        for index in 0..<Int.random(in: 1...4, using: &random) {
            var charges = [
                Charge(slot: index, item: .model, amount: Credits(Int64.random(in: 0...55, using: &random)))
            ]
            if withThumbnail { charges.append(Charge(slot: index, item: .thumbnail, amount: 2)) }
            slots.append(
                Slot(index: index, seed: Int64.random(in: 0...99, using: &random), charges: charges, dueAt: now))
        }
        open.append(id)
        return GenerationTask(
            id: id, account: accounts[place], key: keys[place],
            request: GenerationRequest(picture: .url("https://example.com/a.png")), createdAt: now,
            deadline: now + .seconds(1800), slots: slots)
    }

    private mutating func step(of task: GenerationTask, _ random: inout SeededNumbers) -> Step {
        let slot = Int.random(in: 0..<task.slots.count, using: &random)
        let current = task.slots[slot].attempt
        let known = attempts[task.id] ?? []
        var attempt: AttemptID? =
            Int.random(in: 0..<8, using: &random) == 0 ? known.randomElement(using: &random) : current?.id
        let event = event(&random, number: task.slots[slot].tries + 1, for: task.slots[slot].state)
        if case .began(let new) = event {
            attempts[task.id, default: []].append(new.id)
            attempt = nil
        }
        return Step(event: event, task: task.id, slot: slot, attempt: attempt, now: now)
    }

    private func event(_ random: inout SeededNumbers, number: Int, for state: TaskState) -> SlotEvent {
        let evidence = Evidence(fault: "busy", message: "später", status: 503, excerpt: "\"{}\"")
        let failure = Failure(code: "generation_failed", message: "no")
        let later = now + .seconds(Int.random(in: 0...60, using: &random))
        let likely: [SlotEvent]
        let attempt = Attempt(
            id: AttemptID(at: now, random: &random), number: number, provider: "fal",
            token: "\(AttemptID(at: now, random: &random))", boot: 1, beganAt: now)
        switch state {
        case .queued: likely = [.began(attempt), .deferred(until: later)]
        case .submitting:
            likely = [
                .accepted(.init(id: "u", addresses: ["a": "b"]), pollAt: later), .lost(evidence, reconcileAt: later),
            ]
        case .unknown: likely = [.accepted(.init(id: "u"), pollAt: later)]
        case .running:
            likely = [.progressed(percent: 40, upstreamStatus: "busy", pollAt: later), .ready(.init(id: "u"))]
        default:
            likely = [.handling(until: later), .finished(Shop.files(thumbnail: Bool.random(using: &random), at: now))]
        }
        if Int.random(in: 0..<3, using: &random) > 0 {
            return likely.randomElement(using: &random) ?? .deferred(until: later)
        }
        let any: [SlotEvent] = [
            .began(attempt), .deferred(until: later), .accepted(.init(id: "v"), pollAt: later),
            .lost(evidence, reconcileAt: later),
            .setBack(evidence, .init(outcome: .refused, retryAt: later, spent: true, secondChance: true)),
            .progressed(percent: nil, upstreamStatus: nil, pollAt: later), .ready(.init(id: "w")),
            .handling(until: later),
            .finished(Shop.files(thumbnail: Bool.random(using: &random), at: now)), .failed(failure, evidence),
            .canceled(failure), .expired(failure),
        ]
        return any.randomElement(using: &random) ?? .canceled(failure)
    }

    mutating func forgetEnded(_ house: HouseModel) {
        attempts = attempts.filter { house.tasks[$0.key]?.state.isFinal == false }
        open.removeAll { house.tasks[$0]?.state.isFinal != false }
    }
}
