import Domain
import Testing

@Suite struct TaskMachineTests {
    private let start = Instant(milliseconds: 1_760_000_000_000)

    private func task(slots: Int = 1, thumbnail: Bool = true) -> GenerationTask {
        GenerationTask(
            id: .new(at: start), account: .new(at: start), key: .new(at: start),
            request: GenerationRequest(picture: .url("https://example.com/chair.png")), createdAt: start,
            deadline: start + .seconds(1800),
            slots: (0..<slots).map { index in
                var charges = [Charge(slot: index, item: .model, amount: 30)]
                if thumbnail { charges.append(Charge(slot: index, item: .thumbnail, amount: 2)) }
                return Slot(index: index, seed: 7, charges: charges, dueAt: start)
            })
    }

    private func attempt(_ number: Int = 1) -> Attempt {
        Attempt(id: .new(at: start), number: number, provider: "fal", token: "t\(number)", boot: 1, beganAt: start)
    }

    private let model = Asset(kind: .model, place: .kept(sha256: "ab"), byteCount: 9, contentType: "model/gltf-binary")

    private func finish(thumbnail: Asset?) -> SlotEvent {
        .finished(.init(model: model, thumbnail: thumbnail, costMicrodollars: nil, expiresAt: start + .seconds(86_400)))
    }

    @Test func `the way of a task that goes well`() throws {
        var task = task()
        let attempt = attempt()
        #expect(try task.apply(.began(attempt), toSlot: 0, attempt: nil, at: start).isEmpty)
        let handle = UpstreamHandle(id: "u1")
        let accepted = try task.apply(.accepted(handle, pollAt: start), toSlot: 0, attempt: attempt.id, at: start)
        #expect(accepted == [.announce(.taskStarted)])
        _ = try task.apply(
            .progressed(percent: 60, upstreamStatus: "x", pollAt: start), toSlot: 0, attempt: attempt.id, at: start)
        _ = try task.apply(
            .progressed(percent: 40, upstreamStatus: "x", pollAt: start), toSlot: 0, attempt: attempt.id, at: start)
        #expect(task.progress == 60, "progress never goes back")
        _ = try task.apply(.ready(handle), toSlot: 0, attempt: attempt.id, at: start)
        let effects = try task.apply(finish(thumbnail: model), toSlot: 0, attempt: attempt.id, at: start)
        #expect(
            effects == task.slots[0].charges.map(Effect.settle) + [.announce(.taskFinished)])
        #expect(task.state == .finished)
        #expect(task.progress == 100)
        #expect(task.slots[0].attempt?.outcome == .succeeded)
    }

    @Test func `a thumbnail that could not be made comes back alone`() throws {
        var task = task()
        let attempt = attempt()
        _ = try task.apply(.began(attempt), toSlot: 0, attempt: nil, at: start)
        _ = try task.apply(.ready(UpstreamHandle(id: "u")), toSlot: 0, attempt: attempt.id, at: start)
        let effects = try task.apply(finish(thumbnail: nil), toSlot: 0, attempt: attempt.id, at: start)
        let (held, thumbnail) = (task.slots[0].charges[0], task.slots[0].charges[1])
        #expect(effects == [.settle(held), .refund(thumbnail), .announce(.taskFinished)])
    }

    @Test func `news of an earlier attempt changes nothing`() throws {
        var task = task()
        let (first, second) = (attempt(1), attempt(2))
        _ = try task.apply(.began(first), toSlot: 0, attempt: nil, at: start)
        let evidence = Evidence(fault: "busy", message: "later")
        _ = try task.apply(
            .setBack(evidence, .init(outcome: .refused, retryAt: start, spent: true)), toSlot: 0, attempt: first.id,
            at: start)
        _ = try task.apply(.began(second), toSlot: 0, attempt: nil, at: start)
        let before = task
        #expect(throws: TransitionRefusal.stale(.submitting)) {
            try task.apply(.ready(UpstreamHandle(id: "late")), toSlot: 0, attempt: first.id, at: self.start)
        }
        #expect(task == before)
        #expect(task.slots[0].spent == ["fal"])
        #expect(task.attemptCount == 2)
    }

    @Test func `the first final state wins, whatever comes after`() throws {
        var task = task()
        let attempt = attempt()
        _ = try task.apply(.began(attempt), toSlot: 0, attempt: nil, at: start)
        let refunds = try task.apply(
            .canceled(Failure(code: "canceled", message: "by you")), toSlot: 0, attempt: nil, at: start)
        #expect(refunds == task.slots[0].charges.map(Effect.refund) + [.announce(.taskCanceled)])
        let before = task
        for event in [
            finish(thumbnail: nil), .ready(UpstreamHandle(id: "u")), .failed(.init(code: "x", message: "y"), nil),
        ] {
            #expect(throws: TransitionRefusal.stale(.canceled)) {
                try task.apply(event, toSlot: 0, attempt: attempt.id, at: self.start)
            }
        }
        #expect(task == before)
    }

    @Test func `a partly failed task finishes, settles what it made and refunds the rest`() throws {
        var task = task(slots: 2, thumbnail: false)
        let attempt = attempt()
        _ = try task.apply(
            .failed(.init(code: "generation_failed", message: "no"), nil), toSlot: 1, attempt: nil, at: start)
        #expect(task.state == .queued)
        _ = try task.apply(.began(attempt), toSlot: 0, attempt: nil, at: start)
        _ = try task.apply(.ready(UpstreamHandle(id: "u")), toSlot: 0, attempt: attempt.id, at: start)
        let effects = try task.apply(finish(thumbnail: nil), toSlot: 0, attempt: attempt.id, at: start)
        #expect(effects == [.settle(task.slots[0].charges[0]), .announce(.taskFinished)])
        #expect(task.state == .finished)
        #expect(task.failure == nil)
    }

    @Test func `final states have no way out, and every other state has one to an end`() {
        for state in TaskState.allCases {
            #expect(state.isFinal == state.next.isEmpty)
            var reached: Set<TaskState> = [state]
            while case let more = reached.union(reached.flatMap(\.next)), more != reached { reached = more }
            #expect(!reached.filter(\.isFinal).isEmpty)
        }
    }
}

@Suite struct PriceTests {
    /// The seed's table, cell by cell.
    @Test(arguments: [
        (512, 15, [1024: 25, 2048: 25, 4096: 30]), (1024, 20, [1024: 30, 2048: 30, 4096: 40]),
        (1536, 25, [1024: 40, 2048: 40, 4096: 55]),
    ])
    func `the standard prices`(resolution: Int64, geometry: Int64, textured: [Int64: Int64]) {
        var parameters = Parameters([.resolution: .integer(resolution)])
        #expect(PriceTable.standard.charges(for: parameters) == [.model: Credits(geometry)])
        parameters.given[.textures] = .flag(true)
        for (size, price) in textured {
            parameters.given[.textureSize] = .integer(size)
            parameters.given[.generateThumbnail] = .flag(false)
            #expect(PriceTable.standard.charges(for: parameters) == [.model: Credits(price)])
            parameters.given[.generateThumbnail] = .flag(true)
            #expect(PriceTable.standard.charges(for: parameters) == [.model: Credits(price), .thumbnail: 2])
        }
    }

    @Test func `a stage's steps follow the common ones unless given`() {
        var parameters = Parameters([.steps: .integer(20)])
        #expect(parameters[.shapeSteps] == .integer(20))
        parameters.given[.shapeSteps] = .integer(64)
        #expect(parameters[.shapeSteps] == .integer(64))
        #expect(parameters[.pipelineType] == .word("1024_cascade"))
    }
}
