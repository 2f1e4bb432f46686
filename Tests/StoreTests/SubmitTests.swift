import Domain
import Testing

@testable import Store

@Suite struct SubmitTests {
    @Test func `fault 29: a hundred identical submits at once make one task`() async throws {
        try await Shop.with { shop in
            for round in 0..<20 {
                let before = try await shop.balance()
                let outcomes = try await withThrowingTaskGroup(of: SubmitOutcome.self) { group in
                    for _ in 0..<100 {
                        group.addTask { try await shop.store.submit(shop.submission(shop.task(), key: "k\(round)")) }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let answers = outcomes.compactMap { outcome -> [UInt8]? in
                    if case .replayed(.answer(_, let body)) = outcome { body } else { nil }
                }
                #expect(answers.count == 99)
                #expect(Set(answers).count == 1, "everyone is answered the same")
                #expect(try await shop.balance() == before - 30)
            }
        }
    }

    @Test func `fault 30: the same key with another body is refused, whenever it comes`() async throws {
        try await Shop.with { shop in
            _ = try await shop.store.submit(shop.submission(shop.task(), key: "k"))
            guard
                case .replayed(.mismatch) = try await shop.store.submit(
                    shop.submission(shop.task(), key: "k", fingerprint: 2)),
                case .mismatch? = try await shop.store.replay(
                    shop.submission(shop.task(), key: "k", fingerprint: 2).idempotency ?? #require(nil),
                    account: shop.account, now: Shop.start)
            else { throw Unexpected("no mismatch") }
            #expect(try await shop.balance() == 970)
        }
    }

    @Test func `fault 32: the same key in another account is another key`() async throws {
        try await Shop.with { shop in
            let other = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start)
            _ = try await shop.store.grant(100, to: other.id, reference: "start", now: Shop.start)
            _ = try await shop.store.submit(shop.submission(shop.task(), key: "k"))
            guard
                case .created = try await shop.store.submit(shop.submission(shop.task(account: other.id), key: "k"))
            else { throw Unexpected("another's answer") }
        }
    }

    @Test func `fault 34: a submit that could not be paid leaves nothing, and its key works after a top-up`()
        async throws
    {
        try await Shop.with(credits: 29) { shop in
            let submission = shop.submission(shop.task(), key: "k")
            guard case .insufficient(required: 30, balance: 29) = try await shop.store.submit(submission) else {
                throw Unexpected("paid with what is not there")
            }
            #expect(try await shop.store.tasks(of: shop.account, TaskFilter()).items.isEmpty)
            _ = try await shop.store.grant(1, to: shop.account, reference: "top-up", now: Shop.start)
            guard case .created(balance: 0) = try await shop.store.submit(submission) else {
                throw Unexpected("the key remembered a refusal")
            }
        }
    }

    @Test func `fault 35: after a restart a key is answered with what it was answered before`() async throws {
        try await Shop.with { shop in
            let submission = shop.submission(shop.task(), key: "k")
            _ = try await shop.store.submit(submission)
            await shop.store.close()
        } then: { shop in
            let again = try await shop.reopened()
            guard
                case .replayed(.answer(_, let body)) = try await again.submit(shop.submission(shop.task(), key: "k"))
            else { throw Unexpected("submitted twice") }
            #expect(String(decoding: body, as: UTF8.self).hasPrefix("answer to "))
            #expect(try await again.wallet(of: shop.account).balance == 970)
            return again
        }
    }

    @Test func `fault 36: 64 clients race for the last credit`() async throws {
        try await Shop.with(credits: 300) { shop in
            let outcomes = try await withThrowingTaskGroup(of: Bool.self) { group in
                for client in 0..<64 {
                    group.addTask {
                        let outcome = try await shop.store.submit(shop.submission(shop.task(), key: "c\(client)"))
                        if case .created = outcome { return true }
                        guard case .insufficient(required: 30, balance: 0) = outcome else { throw Unexpected(outcome) }
                        return false
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 } == 10)
            #expect(try await shop.balance() == 0)
        }
    }

    @Test func `fault 73: a key stops at its spend cap, and what comes back counts again`() async throws {
        try await Shop.with(credits: 10_000, spendCap: 300) { shop in
            let tasks: [TaskID] = try await withThrowingTaskGroup(of: TaskID?.self) { group in
                for _ in 0..<100 {
                    group.addTask {
                        let task = shop.task()
                        let outcome = try await shop.store.submit(shop.submission(task, spendCap: 300))
                        if case .created = outcome { return task.id }
                        guard case .capped(cap: 300, spent: 300) = outcome else { throw Unexpected(outcome) }
                        return nil
                    }
                }
                return try await group.reduce(into: []) { found, task in found += task.map { [$0] } ?? [] }
            }
            #expect(tasks.count == 10)
            let failure = Failure(code: "canceled", message: "by you")
            _ = try await shop.store.cancel(
                try #require(tasks.first), account: shop.account, failure: failure, at: Shop.start)
            guard case .created = try await shop.store.submit(shop.submission(shop.task(), spendCap: 300)) else {
                throw Unexpected("the refund does not count")
            }
        }
    }

    @Test func `a key is forgotten when its time is over, but never before its task has ended`() async throws {
        try await Shop.with { shop in
            let first = shop.task()
            _ = try await shop.store.submit(shop.submission(first, key: "k", keptFor: .seconds(10)))
            let later = Shop.start + .seconds(20)
            guard case .replayed = try await shop.store.submit(shop.submission(shop.task(at: later), key: "k")) else {
                throw Unexpected("forgotten while its task works")
            }
            try await shop.finish(first.id)
            guard case .created = try await shop.store.submit(shop.submission(shop.task(at: later), key: "k")) else {
                throw Unexpected("remembered for too long")
            }
        }
    }

    @Test func `a write that fails halfway takes nothing of its neighbours with it`() async throws {
        try await Shop.with { shop in
            let store = shop.store
            _ = try await store.grant(1000, to: shop.account, reference: "more", now: Shop.start)
            // They queue up behind the first commit, so that several share one.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<60 {
                    group.addTask {
                        guard index.isMultiple(of: 3) else {
                            try await shop.submit(shop.task())
                            return
                        }
                        let task = shop.task()
                        await #expect(throws: StoreError.refused("halfway")) {
                            try await store.writer.write { transaction in
                                try transaction.insert(task, request: task.request.encoded())
                                try transaction.hold(task.slots[0].charges[0], of: task, at: Shop.start)
                                throw StoreError.refused("halfway")
                            }
                        }
                        #expect(store.recent(task.id) == nil, "nothing of it was made known")
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.tasks(of: shop.account, TaskFilter(limit: 100)).items.count == 40)
            let rest = try await shop.balance()
            #expect(rest == 800)
            #expect(store.health.writes > store.health.commits, "some shared a commit")
        }
    }

    @Test func `a balance that falls below the account's mark is announced once`() async throws {
        try await Shop.with(credits: 100) { shop in
            try await shop.store.setLimits(.init(lowBalance: 60), of: shop.account, now: Shop.start)
            for _ in 0..<3 { try await shop.submit(shop.task()) }
            let events = try await shop.store.readers.read { database in
                try database.all("SELECT kind FROM events") { $0.text() }
            }
            #expect(events == ["wallet.low"])
        }
    }
}
