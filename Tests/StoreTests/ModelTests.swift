import Domain
import Glibc
import Testing

@testable import Store

/// Random lives of many tasks: by the model alone a hundred thousand steps, with a crash before and after every
/// effect; and by model and store side by side, with the store closed and opened in between.
@Suite struct ModelTests {
    /// `TRELLIS_SEED` makes a run again.
    private let seed = getenv("TRELLIS_SEED").flatMap { UInt64(String(cString: $0)) } ?? UInt64.random(in: 0 ... .max)

    @Test func `a hundred thousand random steps keep every invariant, wherever they crash`() throws {
        print("seed \(seed)")
        var random = SeededNumbers(seed: seed)
        var house = HouseModel()
        var life = RandomLife(random: &random)
        for account in life.accounts { house.grant(1_000_000, to: account) }
        var (steps, refused, crashes) = (0, 0, 0)
        while steps < 100_000 {
            steps += 1
            let act = life.act(on: house, random: &random)
            switch act {
            case .submit(let task):
                if (try? house.submit(task)) == nil {
                    refused += 1
                    for account in life.accounts { house.grant(5000, to: account) }
                }
                #expect(house.violation(only: task.id) == nil, "step \(steps), seed \(seed)")
            case .step(let step):
                let before = house
                // A crash before each effect, and after the last but before the commit: nothing has happened.
                var crash = 0
                while true {
                    guard let effects = try? house.apply(step, crash: crash) else { break }
                    crashes += 1
                    #expect(house.lines.count == before.lines.count && house.ends == before.ends)
                    crash += 1
                    if crash > effects { break }
                }
                let isNews = (try? house.apply(step)) != nil
                if !isNews { refused += 1 }
                #expect(house.violation(only: step.task) == nil, "step \(steps), seed \(seed): \(step)")
                // A crash after the commit: the same news comes again, and must change nothing that costs.
                if isNews, house.tasks[step.task]?.slots[step.slot].state.isFinal == true {
                    #expect(throws: (any Error).self) { _ = try house.apply(step) }
                }
            }
            if steps.isMultiple(of: 5000) {
                #expect(house.foldedViolation() == nil, "step \(steps), seed \(seed)")
                life.forgetEnded(house)
                house.forgetEnded()
            }
        }
        #expect(house.foldedViolation() == nil, "seed \(seed)")
        #expect(refused > 100 && crashes > 50_000, "the run came to what it is for")
    }

    @Test func `the store and the model agree, step by step and after every restart`() async throws {
        print("seed \(seed)")
        var random = SeededNumbers(seed: seed)
        let directory = Shop.temporaryDirectory()
        defer { Shop.remove(directory) }
        var store = try SQLiteStore.open(directory: directory, rendering: Shop.rendering)
        var house = HouseModel()
        var life = RandomLife(random: &random)
        (life.accounts, life.keys) = ([], [])
        for name in ["one", "two", "three"] {
            let account = try await store.createAccount(named: name, limits: .init(), now: Shop.start)
            life.accounts.append(account.id)
            life.keys.append(
                try await store.createKey(
                    for: account.id, scope: .user, label: "", expiresAt: nil, spendCap: nil, now: Shop.start
                ).key.id)
            _ = try await store.grant(20_000, to: account.id, reference: "start", now: Shop.start)
            house.grant(20_000, to: account.id)
        }
        for number in 1...4000 {
            switch life.act(on: house, random: &random) {
            case .submit(let task):
                let outcome = try await store.submit(
                    Submission(task: task, idempotency: nil, answer: [], concurrentTasks: 100_000, spendCap: nil))
                let agreed = (try? house.submit(task)) != nil
                if case .created = outcome { #expect(agreed, "step \(number), seed \(seed)") } else { #expect(!agreed) }
            case .step(let step):
                let outcome = try await store.apply(
                    step.event, to: .init(task: step.task, slot: step.slot, attempt: step.attempt), at: step.now)
                let agreed = (try? house.apply(step)) != nil
                switch outcome {
                case .changed(let task):
                    #expect(agreed && task == house.tasks[step.task], "step \(number), seed \(seed)")
                case .stale(let task):
                    #expect(!agreed && task == house.tasks[step.task], "step \(number), seed \(seed)")
                }
            }
            if number.isMultiple(of: 1000) {
                await store.close()
                store = try SQLiteStore.open(directory: directory, rendering: Shop.rendering)
                let report = try await store.verifyLedger(against: nil)
                #expect(report.violation == nil, "seed \(seed)")
                #expect(report.sums["escrow"] == Credits(house.escrow))
                #expect(report.sums["revenue"] == Credits(house.revenue))
                store.dropCaches()
                for task in house.tasks.values { #expect(try await store.task(task.id) == task, "seed \(seed)") }
                for (account, balance) in house.wallets {
                    #expect(try await store.wallet(of: account).balance == Credits(balance))
                }
            }
        }
        await store.close()
    }
}

extension HouseModel {
    mutating func apply(_ step: RandomLife.Step, crash: Int? = nil) throws -> Int {
        try apply(step.event, to: step.task, slot: step.slot, attempt: step.attempt, at: step.now, crash: crash)
    }
}
