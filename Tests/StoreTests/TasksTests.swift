import Domain
import Testing

@testable import Store

@Suite struct TasksTests {
    @Test func `a task that goes well is paid for once, and reads the same from memory and from rows`() async throws {
        try await Shop.with { shop in
            let request = GenerationRequest(
                picture: .kept(.init(sha256: "cafe", format: .png, byteCount: 12, width: 3, height: 4)),
                parameters: Parameters([
                    .resolution: .integer(1536), .textures: .flag(true), .texGuidance: .number(5),
                    .pipelineType: .word("1536_cascade"), .seed: .integer(2_147_483_647),
                ]), choice: .only(["fal", "runware"]), fallback: false, onUnsupported: .adjust,
                webhookURL: "https://example.com/hook?a=ü", uploadURL: nil, responseFormat: .base64,
                ttl: .seconds(60), includeCost: true, metadata: ["a": "b\u{0}\"", "c": ""], priority: .low,
                cancelAfter: .milliseconds(1500), startWithin: .seconds(9))
            var task = shop.task(thumbnail: 2, slots: 2, request: request)
            task.adjustments = [Adjustment(parameter: "steps", from: "60", to: nil, reason: "too many")]
            try await shop.submit(task)
            #expect(try await shop.store.wallet(of: shop.account) == Wallet(balance: 936, held: 64, spent: 0))

            try await shop.finish(task.id, slot: 0, thumbnail: true)
            try await shop.finish(task.id, slot: 1, thumbnail: false)
            #expect(try await shop.store.wallet(of: shop.account) == Wallet(balance: 938, held: 0, spent: 62))

            let remembered = try #require(shop.store.recent(task.id)?.task)
            #expect(remembered.state == .finished)
            #expect(remembered.request == request)
            shop.store.dropCaches()
            #expect(shop.store.recent(task.id) == nil)
            #expect(try await shop.store.task(task.id) == remembered, "rows say the same")
            #expect(try await shop.store.attempts(of: task.id).count == 2)
            #expect(
                try await shop.store.postings(of: task.id).map(\.kind)
                    == [.hold, .hold, .hold, .hold, .settle, .settle, .settle, .refund])
        }
    }

    @Test func `a status body is rendered from what was committed`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            #expect(shop.store.recent(task.id)?.body == Array("\(task.id) queued 1".utf8))
            let outcome = try await shop.store.cancel(
                task.id, account: shop.account, failure: Failure(code: "canceled", message: "by you"),
                at: Shop.start)
            guard case .canceled(let canceled, let abandoned) = outcome else { throw Unexpected("\(outcome)") }
            #expect(abandoned.isEmpty)
            #expect(shop.store.recent(task.id)?.body == Array("\(task.id) canceled \(canceled.version)".utf8))
        }
    }

    @Test func `canceling pays back what was not done, and someone else's task looks like none`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task(slots: 2))
            let other = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start)
            let failure = Failure(code: "canceled", message: "by you")
            guard
                case .notFound = try await shop.store.cancel(
                    task.id, account: other.id, failure: failure, at: Shop.start)
            else { throw Unexpected("another's task was found") }
            let attempt = shop.attempt()
            _ = try await shop.store.apply(
                .began(attempt), to: .init(task: task.id, slot: 1, attempt: nil), at: Shop.start)
            guard
                case .canceled(_, let abandoned) = try await shop.store.cancel(
                    task.id, account: shop.account, failure: failure, at: Shop.start)
            else { throw Unexpected("not canceled") }
            #expect(abandoned.map(\.id) == [attempt.id])
            #expect(try await shop.balance() == 1000)
            guard
                case .tooLate = try await shop.store.cancel(
                    task.id, account: shop.account, failure: failure, at: Shop.start)
            else { throw Unexpected("canceled twice") }
        }
    }

    @Test func `lists are newest first, filtered, and paged without gaps`() async throws {
        try await Shop.with { shop in
            var made: [TaskID] = []
            for index in 0..<7 {
                made.append(try await shop.submit(shop.task(at: Shop.start + .seconds(index))).id)
            }
            try await shop.finish(made[3])
            var seen: [TaskID] = []
            var cursor: String?
            repeat {
                let page = try await shop.store.tasks(of: shop.account, TaskFilter(cursor: cursor, limit: 3))
                seen += page.items.map(\.id)
                cursor = page.next
            } while cursor != nil
            #expect(seen == made.reversed())
            let finished = try await shop.store.tasks(of: nil, TaskFilter(states: [.finished]))
            #expect(finished.items.map(\.id) == [made[3]])
            let sent = try await shop.store.tasks(of: shop.account, TaskFilter(provider: "fal"))
            #expect(sent.items.map(\.id) == [made[3]])
            let late = try await shop.store.tasks(of: shop.account, TaskFilter(since: Shop.start + .seconds(5)))
            #expect(late.items.map(\.id) == [made[6], made[5]])
            await #expect(throws: StoreError.refused("no such cursor: x")) {
                try await shop.store.tasks(of: nil, TaskFilter(cursor: "x"))
            }
        }
    }

    @Test func `an account's unfinished tasks are limited`() async throws {
        try await Shop.with { shop in
            let first = try await shop.submit(shop.task())
            guard
                case .tooManyTasks(limit: 1) = try await shop.store.submit(
                    shop.submission(shop.task(), concurrentTasks: 1))
            else { throw Unexpected("not limited") }
            try await shop.finish(first.id)
            guard case .created = try await shop.store.submit(shop.submission(shop.task(), concurrentTasks: 1)) else {
                throw Unexpected("a finished task still counts")
            }
        }
    }

    @Test func `whoever waits hears of every commit`() async throws {
        try await Shop.with { shop in
            let (changes, heard) = AsyncStream.makeStream(of: TaskState.self)
            shop.store.onChange { for change in $0 { heard.yield(change.task.state) } }
            let task = try await shop.submit(shop.task())
            try await shop.finish(task.id)
            heard.finish()
            #expect(
                await changes.reduce(into: []) { $0.append($1) } == [
                    .queued, .submitting, .running, .fetching, .finished,
                ])
        }
    }
}
