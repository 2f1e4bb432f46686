import Domain
import Testing

@testable import Store

@Suite struct ClaimsTests {
    @Test func `accounts take turns, normal priority goes before low, and each line is first come first served`()
        async throws
    {
        try await Shop.with { shop in
            let other = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start)
            _ = try await shop.store.grant(1000, to: other.id, reference: "start", now: Shop.start)
            var low = GenerationRequest(picture: .url("https://example.com/a.png"))
            low.priority = .low
            var names: [TaskID: String] = [:]
            func submit(_ name: String, _ second: Int, _ request: GenerationRequest? = nil, _ account: AccountID)
                async throws
            {
                let at = Shop.start + .seconds(second)
                let task = shop.task(
                    at: at, request: request ?? .init(picture: .url("https://example.com/a.png")), account: account)
                names[try await shop.submit(task).id] = name
            }
            try await submit("low", 0, low, shop.account)
            for index in 1...3 { try await submit("a\(index)", index, nil, shop.account) }
            try await submit("b1", 4, nil, other.id)
            let now = Shop.start + .seconds(60)
            func look(_ limit: Int) async throws -> [String] {
                try await shop.store.queued(limit: limit, now: now).compactMap { names[$0.task.id] }
            }
            #expect(Set(try await look(2)) == ["a1", "b1"], "one of each, whoever has more")
            #expect(try await look(9).last == "low")
            #expect(try await look(9).filter { $0.hasPrefix("a") } == ["a1", "a2", "a3"])
            let singles = [try await look(1), try await look(1)]
            #expect(Set(singles.joined()) == ["a1", "b1"], "even one at a time")
            #expect(try await shop.store.queued(limit: 9, now: Shop.start).count == 1, "not before they are due")
        }
    }

    @Test func `a deferred slot waits, and comes back at its time`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            let later = Shop.start + .seconds(30)
            _ = try await shop.store.apply(
                .deferred(until: later), to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
            #expect(try await shop.store.queued(limit: 9, now: Shop.start + .seconds(29)).isEmpty)
            #expect(try await shop.store.queued(limit: 9, now: later).count == 1)
        }
    }

    @Test func `however many accounts wait for a later moment, none keeps another's due work from being found`()
        async throws
    {
        try await Shop.with { shop in
            func submit(_ name: String, at moment: Instant) async throws -> TaskID {
                let account = try await shop.store.createAccount(named: name, limits: .init(), now: moment)
                _ = try await shop.store.grant(1000, to: account.id, reference: name, now: moment)
                return try await shop.submit(shop.task(at: moment, account: account.id)).id
            }
            let later = Shop.start + .seconds(3600)
            for index in 0..<520 {
                let task = try await submit("waits-\(index)", at: Shop.start)
                _ = try await shop.store.apply(
                    .deferred(until: later), to: .init(task: task, slot: 0, attempt: nil), at: Shop.start)
            }
            let now = Shop.start + .seconds(1)
            let due = try await submit("due", at: now)
            var found: [TaskID] = []
            for _ in 0..<3 { found += try await shop.store.queued(limit: 9, now: now).map(\.task.id) }
            #expect(found.contains(due))
        }
    }

    @Test func `polls are due at their time, and found by token`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            let attempt = shop.attempt()
            let slot = SlotReference(task: task.id, slot: 0, attempt: attempt.id)
            _ = try await shop.store.apply(
                .began(attempt), to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
            let poll = Shop.start + .seconds(10)
            _ = try await shop.store.apply(
                .accepted(.init(id: "u", addresses: ["status": "https://x"]), pollAt: poll), to: slot, at: Shop.start)
            #expect(try await shop.store.due([.running], limit: 9, now: Shop.start).isEmpty)
            #expect(try await shop.store.due([.running, .unknown], limit: 9, now: poll).map(\.reference) == [slot])
            #expect(try await shop.store.due([.fetching], limit: 9, now: poll).isEmpty)
            #expect(try await shop.store.slot(token: attempt.token)?.reference == slot)
            #expect(try await shop.store.slot(token: "another") == nil)
        }
    }

    @Test func `what is overdue is found by deadline, and by start_by until it has started`() async throws {
        try await Shop.with { shop in
            let patient = try await shop.submit(shop.task(deadline: .seconds(100)))
            let hasty = try await shop.submit(shop.task(deadline: .seconds(100), startWithin: .seconds(5)))
            let started = try await shop.submit(shop.task(deadline: .seconds(100), startWithin: .seconds(5)))
            let attempt = shop.attempt()
            _ = try await shop.store.apply(
                .began(attempt), to: .init(task: started.id, slot: 0, attempt: nil), at: Shop.start)
            _ = try await shop.store.apply(
                .accepted(.init(id: "u"), pollAt: Shop.start + .seconds(50)),
                to: .init(task: started.id, slot: 0, attempt: attempt.id), at: Shop.start)
            func late(_ seconds: Int) async throws -> [TaskID] {
                try await shop.store.overdue(limit: 9, now: Shop.start + .seconds(seconds)).map(\.id)
            }
            #expect(try await late(4).isEmpty)
            #expect(try await late(5) == [hasty.id])
            #expect(Set(try await late(100)) == [patient.id, hasty.id, started.id])
        }
    }

    @Test func `a customer alone is told exactly how many are before`() async throws {
        try await Shop.with { shop in
            var tasks: [GenerationTask] = []
            for index in 0..<5 {
                tasks.append(try await shop.submit(shop.task(slots: 2, at: Shop.start + .seconds(index))))
            }
            #expect(tasks.map(shop.store.queuePosition) == [0, 2, 4, 6, 8])
            let failure = Failure(code: "canceled", message: "by you")
            _ = try await shop.store.cancel(tasks[1].id, account: nil, failure: failure, at: Shop.start)
            #expect(tasks.map(shop.store.queuePosition) == [0, nil, 2, 4, 6])
            _ = try await shop.store.apply(
                .began(shop.attempt()), to: .init(task: tasks[0].id, slot: 0, attempt: nil), at: Shop.start)
            #expect(tasks.map(shop.store.queuePosition) == [0, nil, 1, 3, 5])
            let again = try await shop.reopened()
            #expect(tasks.map(again.queuePosition) == [0, nil, 1, 3, 5])
            await again.close()
        } then: {
            try await $0.reopened()
        }
    }

    @Test func `looking for work reads the indexes of unfinished work and nothing else`() async throws {
        try await Shop.with { shop in
            for (sql, index) in [
                (
                    "SELECT account FROM slots WHERE state = 'queued' AND priority = ? AND account > ? ORDER BY account LIMIT 1",
                    "slots_queued"
                ),
                (
                    "SELECT task, slot FROM slots WHERE state = 'queued' AND priority = ? AND account = ? AND due_at <= ? ORDER BY due_at, task, slot LIMIT ?",
                    "slots_queued"
                ),
                (
                    "SELECT due_at, task, slot FROM slots WHERE state = 'running' AND due_at <= ? ORDER BY due_at LIMIT ?",
                    "slots_running"
                ),
                ("SELECT min(due_at) FROM slots WHERE state = 'unknown'", "slots_unknown"),
                (
                    "SELECT id FROM tasks WHERE finished_at IS NULL AND deadline <= ? ORDER BY deadline LIMIT ?",
                    "tasks_by_deadline"
                ),
                (
                    "SELECT id FROM tasks WHERE start_by IS NOT NULL AND started_at IS NULL AND finished_at IS NULL AND start_by <= ? ORDER BY start_by LIMIT ?",
                    "tasks_to_start"
                ),
                (
                    "SELECT lane, due_at FROM deliveries WHERE due_at IS NOT NULL AND lane > ? ORDER BY lane, due_at LIMIT 1",
                    "COVERING INDEX deliveries_due"
                ),
                (
                    "SELECT number, id FROM deliveries WHERE lane = ? AND due_at <= ? ORDER BY due_at, number LIMIT ?",
                    "COVERING INDEX deliveries_due"
                ),
            ] {
                let plan = try await shop.store.readers.read { database in
                    try database.all(composed: "EXPLAIN QUERY PLAN \(sql)") { row in
                        _ = (row.int(), row.int(), row.int())
                        return row.text()
                    }
                }
                #expect(plan.count == 1 && plan[0].hasPrefix("SEARCH") && plan[0].contains(index), "\(sql): \(plan)")
            }
        }
    }
}
