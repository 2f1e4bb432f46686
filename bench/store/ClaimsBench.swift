import Domain
import Store

/// What looking for work costs when there are many finished tasks: it should not matter how many.
struct ClaimsBench {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() async throws {
        print("microseconds a look for work, 32 queued and 32 running; medians")
        print("  finished tasks     queued        due   overdue   a submit    open, ms")
        for size in arguments.sizes {
            let shop = try await Workshop(in: arguments.directory)
            try await fill(shop, finished: size)
            try await leaveSome(shop)
            let now = Workshop.now + .seconds(1)
            let store = shop.store
            let queued = try await time { _ = try await store.queued(limit: 32, now: now) }
            let due = try await time { _ = try await store.due([.running, .unknown, .fetching], limit: 32, now: now) }
            let overdue = try await time { _ = try await store.overdue(limit: 32, now: now) }
            let submit = try await time { _ = try await store.submit(shop.submission(shop.task())) }
            let start = Workshop.seconds
            let again = try await shop.reopened()
            let open = (Workshop.seconds - start) * 1000
            print(
                "  \(Series.text(Double(size), width: 14))", Series.text(queued), " ", Series.text(due),
                Series.text(overdue), " ", Series.text(submit), "  ", Series.text(open, 1))
            await again.close()
        }
    }

    /// Microseconds, the median of many.
    private func time(_ look: () async throws -> Void) async throws -> Double {
        var times: [Double] = []
        for _ in 0..<400 {
            let start = Workshop.seconds
            try await look()
            times.append((Workshop.seconds - start) * 1e6)
        }
        return Series.median(times)
    }

    private func fill(_ shop: Workshop, finished: Int) async throws {
        let lanes = 256
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    for _ in stride(from: lane, to: finished, by: lanes) {
                        let task = shop.task()
                        _ = try await shop.store.submit(shop.submission(task))
                        let failure = Failure(code: "canceled", message: "by the bench")
                        _ = try await shop.store.cancel(task.id, account: nil, failure: failure, at: Workshop.now)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func leaveSome(_ shop: Workshop) async throws {
        for index in 0..<64 {
            let task = shop.task()
            _ = try await shop.store.submit(shop.submission(task))
            guard index.isMultiple(of: 2) else { continue }
            let now = Workshop.now
            let attempt = Attempt(
                id: .new(at: now), number: 1, provider: "fal", token: task.id.description, boot: 1, beganAt: now)
            let slot = SlotReference(task: task.id, slot: 0, attempt: nil)
            _ = try await shop.store.apply(.began(attempt), to: slot, at: now)
            _ = try await shop.store.apply(
                .accepted(.init(id: "u"), pollAt: now), to: .init(task: task.id, slot: 0, attempt: attempt.id), at: now)
        }
    }
}
