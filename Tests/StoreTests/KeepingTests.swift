import Domain
import Glibc
import Synchronization
import Testing

@testable import Store

/// The janitor, backups, and what is only held in memory.
@Suite struct KeepingTests {
    private let day = Duration.seconds(86_400)

    private func picture(_ sha256: String) -> GenerationRequest {
        GenerationRequest(picture: .kept(.init(sha256: sha256, format: .png, byteCount: 1, width: 1, height: 1)))
    }

    @Test func `the janitor lets go of what is over, and of files nobody speaks of any more`() async throws {
        try await Shop.with { shop in
            let store = shop.store
            let first = try await shop.submit(shop.task(request: picture("in1")))
            let second = try await shop.submit(shop.task(at: Shop.start + day * 5, request: picture("in1")))
            _ = try await store.submit(shop.submission(shop.task(at: Shop.start), key: "k", keptFor: day))
            try await shop.finish(first.id, sha256: "out1", at: Shop.start)
            try await shop.finish(second.id, sha256: "out2", at: Shop.start + day * 5)
            #expect(try await store.keptFiles() == ["in1", "out1", "out2"])
            let retention = Retention(finishedTasks: day * 3, events: day * 2, batch: 100)

            let early = try await store.cleanUp(retention, now: Shop.start + day / 2)
            #expect(early == CleanUp(files: [], tasks: 0, idempotencyKeys: 0, events: 0, more: false))

            let middle = try await store.cleanUp(retention, now: Shop.start + day * 5)
            #expect(middle.files == ["out1"], "the picture is still another task's")
            #expect(middle.tasks == 1 && middle.events == 2)
            #expect(middle.idempotencyKeys == 0, "its task is unfinished")
            #expect(try await store.task(first.id) == nil)
            #expect(store.recent(first.id) == nil)

            let late = try await store.cleanUp(retention, now: Shop.start + day * 50)
            #expect(late.files == ["in1", "out2"])
            #expect(try await store.task(second.id) == nil)
            #expect(try await store.ledger(of: shop.account, cursor: nil, limit: 99).items.count == 4, "money stays")
        }
    }

    @Test func `a result that another task has too goes with the last of them`() async throws {
        try await Shop.with { shop in
            let (first, second) = (try await shop.submit(shop.task()), try await shop.submit(shop.task()))
            try await shop.finish(first.id, sha256: "same", at: Shop.start)
            try await shop.finish(second.id, sha256: "same", at: Shop.start + day)
            let retention = Retention(finishedTasks: day * 90, events: day * 90, batch: 100)
            #expect(try await shop.store.cleanUp(retention, now: Shop.start + day).files == [])
            #expect(try await shop.store.cleanUp(retention, now: Shop.start + day * 2).files == ["same"])
        }
    }

    @Test func `what has not been told yet is kept, however old`() async throws {
        try await Shop.with { shop in
            let request = GenerationRequest(
                picture: .url("https://example.com/a.png"), webhookURL: "https://hooks.example/")
            try await shop.finish(try await shop.submit(shop.task(request: request)).id)
            let pending = try await shop.store.webhookBacklog().pending
            #expect(pending == 2)
            let retention = Retention(finishedTasks: day * 90, events: day, batch: 100)
            #expect(try await shop.store.cleanUp(retention, now: Shop.start + day * 9).events == 0)
            #expect(try await shop.store.webhookBacklog().pending == pending)
        }
    }

    @Test func `the janitor works in batches, and says when there is more`() async throws {
        try await Shop.with { shop in
            for _ in 0..<10 { try await shop.finish(try await shop.submit(shop.task()).id) }
            let retention = Retention(finishedTasks: .zero, events: .zero, batch: 4)
            var (rounds, tasks, more) = (0, 0, true)
            while more {
                let done = try await shop.store.cleanUp(retention, now: Shop.start + day * 9)
                #expect(done.tasks <= 4 && done.events <= 4)
                (rounds, tasks, more) = (rounds + 1, tasks + done.tasks, done.more)
            }
            #expect(tasks == 10 && rounds >= 3)
        }
    }

    @Test func `files go in batches of whole tasks, and none is passed over`() async throws {
        try await Shop.with { shop in
            for number in 0..<10 {
                let task = try await shop.submit(shop.task(request: picture("in\(number)")))
                try await shop.finish(task.id, sha256: "out\(number)", at: Shop.start + .seconds(number / 3))
            }
            let retention = Retention(finishedTasks: day * 90, events: day * 90, batch: 3)
            var (gone, rounds, more) = ([String](), 0, true)
            while more {
                let done = try await shop.store.cleanUp(retention, now: Shop.start + day * 20)
                (gone, rounds, more) = (gone + done.files, rounds + 1, done.more)
            }
            #expect(gone.count == 20 && Set(gone).count == 20)
            #expect(rounds >= 4)
            #expect(try await shop.store.keptFiles().isEmpty)
            // Those that end later are found from where it stopped.
            let late = try await shop.submit(shop.task(at: Shop.start + day * 21, request: picture("late")))
            try await shop.finish(late.id, sha256: "late", at: Shop.start + day * 21)
            #expect(try await shop.store.cleanUp(retention, now: Shop.start + day * 40).files == ["late"])
        }
    }

    @Test func `many who write at once are told as a crowd, for as long as they do`() async throws {
        try await Shop.with { shop in
            let store = shop.store
            let write = { @Sendable (number: Int) in
                try await store.recordAudit(actor: "a", act: "b", subject: "c", detail: "\(number)", now: Shop.start)
            }
            // One at a time is none, however many.
            for number in 0..<50 { try await write(number) }
            #expect(!store.isCrowded)
            // It fades within a tenth of a second, so it is seen while they write.
            let crowd = Sight()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<48 {
                    group.addTask {
                        let end = ContinuousClock.now + .seconds(20)
                        while !crowd.wasSeen, ContinuousClock.now < end {
                            try await write(number)
                            if store.isCrowded { crowd.see() }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(crowd.wasSeen)
            try await Task.sleep(for: .milliseconds(300))
            #expect(!store.isCrowded)
            // Nor does the next one by itself bring it back.
            try await write(0)
            #expect(!store.isCrowded)
        }
    }

    /// Taken in blind turn, some of the short ones would stand behind the long one for ever.
    @Test(.timeLimit(.minutes(1))) func `a long read holds up no other while a reader has nothing to do`() async throws
    {
        try await Shop.with { shop in
            let (begun, begin) = AsyncStream.makeStream(of: Void.self)
            let isOver = Mutex(false)
            async let long: Void = shop.store.readers.read { _ in
                begin.yield()
                while !isOver.withLock({ $0 }) { usleep(1000) }
            }
            for await _ in begun { break }
            for _ in 0..<20 { try await shop.store.readers.read { _ in } }
            isOver.withLock { $0 = true }
            try await long
        }
    }

    @Test func `fault 54: a backup made under load is whole`() async throws {
        try await Shop.with(credits: 100_000) { shop in
            let copy = shop.directory + "/copy.db"
            var before: Set<TaskID> = []
            for _ in 0..<50 { before.insert(try await shop.submit(shop.task()).id) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { for _ in 0..<50 { try await shop.submit(shop.task()) } } }
                try await shop.store.backup(to: copy)
                try await group.waitForAll()
            }
            let restored = Shop.temporaryDirectory()
            defer { Shop.remove(restored) }
            #expect(rename(copy, restored + "/gateway.db") == 0)
            let again = try SQLiteStore.open(directory: restored, rendering: Shop.rendering)
            #expect(try await again.verifyLedger(against: nil).violation == nil)
            for task in before { #expect(try await again.task(task) != nil) }
            await #expect(throws: StoreError.alreadyExists(shop.directory + "/gateway.db")) {
                try await shop.store.backup(to: shop.directory + "/gateway.db")
            }
            await again.close()
        }
    }

    @Test func `fault 55: a restored backup buys nothing until it is released`() async throws {
        try await Shop.with { shop in
            let queued = try await shop.submit(shop.task())
            let working = try await shop.submit(shop.task(at: Shop.start + .seconds(1)))
            let attempt = shop.attempt()
            _ = try await shop.store.apply(
                .began(attempt), to: .init(task: working.id, slot: 0, attempt: nil), at: Shop.start)
            let restored = Shop.temporaryDirectory()
            defer { Shop.remove(restored) }
            try await shop.store.backup(to: restored + "/gateway.db")
            let store = try SQLiteStore.open(directory: restored, rendering: Shop.rendering)
            #expect(store.reconciling != nil && store.health.paused != nil)
            #expect(try await store.queued(limit: 9, now: Shop.start + day).isEmpty)
            await #expect(throws: StoreError.self) { try await store.submit(shop.submission(shop.task())) }
            await #expect(throws: StoreError.self) {
                try await store.apply(
                    .began(shop.attempt()), to: .init(task: queued.id, slot: 0, attempt: nil), at: Shop.start)
            }
            // What is known to have ended can be settled meanwhile.
            _ = try await store.apply(
                .failed(.init(code: "x", message: "y"), nil), to: .init(task: working.id, slot: 0, attempt: attempt.id),
                at: Shop.start)
            try await store.endReconciliation(by: "ops", now: Shop.start)
            #expect(try await store.queued(limit: 9, now: Shop.start + day).count == 1)
            await store.close()
            let again = try SQLiteStore.open(directory: restored, rendering: Shop.rendering)
            #expect(again.reconciling == nil)
            await again.close()
        }
    }

    @Test func `the cache can be dropped at any time with no change in answers`() async throws {
        var options = StoreOptions()
        options.cachedTasks = 32
        try await Shop.with(credits: 100_000, options: options) { shop in
            var random = SeededNumbers(seed: 7)
            var tasks: [TaskID] = []
            for _ in 0..<100 { tasks.append(try await shop.submit(shop.task()).id) }
            for round in 0..<300 {
                let id = try #require(tasks.randomElement(using: &random))
                if round.isMultiple(of: 7) { shop.store.dropCaches() }
                let task = try #require(try await shop.store.task(id))
                switch task.state {
                case .queued:
                    _ = try await shop.store.apply(
                        .began(shop.attempt()), to: .init(task: id, slot: 0, attempt: nil), at: Shop.start)
                case .submitting:
                    _ = try await shop.store.apply(
                        .ready(.init(id: "u")), to: .init(task: id, slot: 0, attempt: nil), at: Shop.start)
                default:
                    _ = try await shop.store.apply(
                        .finished(Shop.files()), to: .init(task: id, slot: 0, attempt: nil), at: Shop.start)
                }
                let answer = try await shop.store.task(id)
                let rows = try await shop.store.readers.read { try $0.task(id) }
                #expect(answer == rows)
            }
            #expect(tasks.count { shop.store.recent($0) != nil } <= 32, "it is bounded")
        }
    }

    @Test func `what is closed answers so`() async throws {
        try await Shop.with { shop in
            await shop.store.close()
            await #expect(throws: StoreError.closed) { try await shop.store.submit(shop.submission(shop.task())) }
            await #expect(throws: StoreError.closed) { try await shop.store.wallet(of: shop.account) }
            #expect(Bytes.read(shop.directory + "/gateway.db-wal")?.count ?? 0 == 0, "the log was emptied")
        } then: {
            try await $0.reopened()
        }
    }
}

/// Something that one of many has seen.
private final class Sight: Sendable {
    private let seen = Atomic(false)

    var wasSeen: Bool { seen.load(ordering: .relaxed) }
    func see() { seen.store(true, ordering: .relaxed) }
}
