import Domain
import Testing

@testable import Store

@Suite struct LedgerTests {
    @Test func `credits come once per reference and can be taken back by hand`() async throws {
        try await Shop.with(credits: 0) { shop in
            let store = shop.store
            guard
                case .granted(let first) = try await store.grant(50, to: shop.account, reference: "r", now: Shop.start),
                case .alreadyGranted(let again) = try await store.grant(
                    70, to: shop.account, reference: "r", now: Shop.start)
            else { throw Unexpected("a grant") }
            #expect(first == again)
            #expect(first.balanceAfter == 50)
            guard
                case .adjusted(let less) = try await store.adjust(
                    -20, account: shop.account, reason: "typo", by: "ops", once: nil, now: Shop.start)
            else { throw Unexpected("an adjustment") }
            #expect(less.from == .wallet(shop.account))
            #expect(less.balanceAfter == 30)
            #expect(store.balance(of: shop.account) == 30)
            await #expect(throws: StoreError.refused("the balance is 30: -31 would take it below zero")) {
                try await store.adjust(
                    -31, account: shop.account, reason: "too much", by: "ops", once: nil, now: Shop.start)
            }
        }
    }

    @Test func `an account's own list is newest first, and pages without gaps`() async throws {
        try await Shop.with { shop in
            for index in 0..<5 { try await shop.submit(shop.task(at: Shop.start + .seconds(index))) }
            var (seen, cursor): ([Posting], String?) = ([], nil)
            repeat {
                let page = try await shop.store.ledger(of: shop.account, cursor: cursor, limit: 2)
                seen += page.items
                cursor = page.next
            } while cursor != nil
            #expect(seen.map(\.accountSequence) == [6, 5, 4, 3, 2, 1])
            #expect(seen.map(\.balanceAfter) == [850, 880, 910, 940, 970, 1000])
            #expect(seen.last?.kind == .grant)
        }
    }

    @Test(arguments: [Int64.max, Int64.min, -1, 0, 1 << 53])
    func `fault 45: amounts that are none move nothing`(amount: Int64) async throws {
        try await Shop.with(credits: 5) { shop in
            await #expect(throws: StoreError.self) {
                try await shop.store.grant(Credits(amount), to: shop.account, reference: "odd", now: Shop.start)
            }
            if amount != -1 {
                await #expect(throws: StoreError.self) {
                    try await shop.store.adjust(
                        Credits(amount), account: shop.account, reason: "odd", by: "ops", once: nil, now: Shop.start)
                }
            }
            let balance = try await shop.balance()
            #expect(balance == 5)
        }
    }

    @Test func `fault 45: a balance never grows beyond what JSON can say`() async throws {
        try await Shop.with(credits: Credits(Credits.limit)) { shop in
            await #expect(throws: StoreError.self) {
                try await shop.store.grant(1, to: shop.account, reference: "one more", now: Shop.start)
            }
            let balance = try await shop.balance()
            #expect(balance == Credits(Credits.limit))
        }
    }

    @Test func `fault 39: the same end told fifty times, then another, resolves once`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            let attempt = shop.attempt()
            let slot = SlotReference(task: task.id, slot: 0, attempt: attempt.id)
            _ = try await shop.store.apply(
                .began(attempt), to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
            _ = try await shop.store.apply(.ready(.init(id: "u")), to: slot, at: Shop.start)
            let changes = try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        if case .changed = try await shop.store.apply(.finished(Shop.files()), to: slot, at: Shop.start)
                        {
                            return true
                        }
                        return false
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(changes == 1)
            guard
                case .stale = try await shop.store.apply(
                    .failed(.init(code: "x", message: "y"), nil), to: slot, at: Shop.start)
            else { throw Unexpected("a second end") }
            #expect(try await shop.store.wallet(of: shop.account) == Wallet(balance: 970, held: 0, spent: 30))
        }
    }

    @Test func `fault 40: a success after the refund changes no credit, and is kept for the operator`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            let attempt = shop.attempt()
            let slot = SlotReference(task: task.id, slot: 0, attempt: attempt.id)
            _ = try await shop.store.apply(
                .began(attempt), to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
            _ = try await shop.store.apply(
                .expired(.init(code: "deadline", message: "too late")), to: .init(task: task.id, slot: 0, attempt: nil),
                at: Shop.start)
            guard case .stale = try await shop.store.apply(.ready(.init(id: "late")), to: slot, at: Shop.start) else {
                throw Unexpected("a late success")
            }
            #expect(try await shop.balance() == 1000)
            let late = try await shop.store.readers.read { database in
                try database.one("SELECT late FROM attempts WHERE id = ?", { $0.bind(attempt.id) }) { $0.text() }
            }
            #expect(late?.contains("late was done") == true)
        }
    }

    @Test func `fault 38: cancel races with success, and money goes with whoever won`() async throws {
        try await Shop.with(credits: 100_000) { shop in
            let failure = Failure(code: "canceled", message: "by you")
            var finished = 0
            for _ in 0..<200 {
                let task = try await shop.submit(shop.task())
                let attempt = shop.attempt()
                let slot = SlotReference(task: task.id, slot: 0, attempt: attempt.id)
                _ = try await shop.store.apply(
                    .began(attempt), to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
                async let cancel = shop.store.cancel(task.id, account: shop.account, failure: failure, at: Shop.start)
                async let ready = shop.store.apply(.ready(.init(id: "u")), to: slot, at: Shop.start)
                _ = try await (cancel, ready)
                _ = try await shop.store.apply(.finished(Shop.files()), to: slot, at: Shop.start)
                let end = try #require(try await shop.store.task(task.id))
                #expect(end.state == .finished || end.state == .canceled)
                let kinds = try await shop.store.postings(of: task.id).map(\.kind)
                #expect(kinds == [.hold, end.state == .finished ? .settle : .refund])
                if end.state == .finished { finished += 1 }
            }
            #expect(try await shop.balance() == Credits(100_000 - Int64(finished) * 30))
        }
    }

    @Test func `fault 41: what comes back is what was charged, whatever prices are now`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task(price: 55, thumbnail: 2))
            // The price lives in the slot's charges; there is no table to look it up in again.
            _ = try await shop.store.apply(
                .failed(.init(code: "generation_failed", message: "no"), nil),
                to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
            #expect(
                try await shop.store.postings(of: task.id).map(\.amount) == [55, 2, 55, 2])
            #expect(try await shop.balance() == 1000)
        }
    }

    @Test(arguments: [
        "UPDATE postings SET amount = 1 WHERE sequence = 1", "DELETE FROM postings WHERE sequence = 1",
        "INSERT OR REPLACE INTO postings SELECT * FROM postings WHERE sequence = 1",
        "INSERT OR REPLACE INTO postings SELECT * FROM postings ORDER BY sequence DESC LIMIT 1",
        "REPLACE INTO postings SELECT 99, kind, from_account, to_account, wallet, amount, task, slot, item, reference, at, from_sequence, from_balance, to_sequence, to_balance, hash FROM postings WHERE sequence = 1",
        "INSERT INTO postings SELECT * FROM postings WHERE sequence = 1 ON CONFLICT DO UPDATE SET amount = 1",
        "DELETE FROM ledger_accounts",
        "INSERT OR REPLACE INTO ledger_accounts (id, kind, name) VALUES (2, 'escrow', 'escrow')",
        "UPDATE ledger_accounts SET name = 'wallet:x' WHERE id = 4",
        "UPDATE ledger_accounts SET balance = -1 WHERE id = 4",
    ])
    func `fault 44: no SQL changes what was posted`(sql: String) async throws {
        try await Shop.with { shop in
            try await shop.submit(shop.task())
            // Without recursive triggers, as a shell or a careless program would open it.
            #expect(throws: SQLiteFault.self) { try shop.sqlite(sql) }
            #expect(try await shop.store.verifyLedger(against: nil).postings == 2)
        }
    }

    @Test func `fault 44: nothing in the engine replaces or deletes postings`() {
        // Every write goes through SQL in this folder; migrations are the other place and have their own tests.
        #expect(SourceText.store.allSatisfy { !$0.text.uppercased().contains("OR REPLACE") })
        #expect(SourceText.store.allSatisfy { !$0.text.contains("DELETE FROM postings") })
        #expect(SourceText.store.count { $0.text.contains("INSERT INTO postings") } == 1)
    }

    @Test(arguments: [
        ("UPDATE postings SET amount = 999 WHERE sequence = 2", Int64(2)),
        ("UPDATE postings SET reference = 'mine' WHERE sequence = 1", 1),
        ("UPDATE postings SET at = at + 1 WHERE sequence = 3", 3),
        ("UPDATE ledger_accounts SET name = 'wallet:' || '0199a8f0-0000-7000-8000-000000000000' WHERE id = 4", 1),
        ("DELETE FROM postings WHERE sequence = 2", 3),
    ])
    func `fault 42: a row changed by hand is found, and named`(sql: String, first: Int64) async throws {
        try await Tampered.with(sql) { store in
            let report = try await store.verifyLedger(against: nil)
            #expect(report.violation?.sequence == first)
            #expect(store.health.paused != nil, "nothing is posted any more")
            await #expect(throws: StoreError.self) {
                try await store.grant(1, to: store.firstAccount(), reference: "more", now: Shop.start)
            }
        }
    }

    @Test(arguments: [
        "UPDATE ledger_accounts SET balance = balance + 5 WHERE id = 4",
        "UPDATE ledger_accounts SET spent = 7 WHERE id = 4",
        "UPDATE slots SET model_credits = 1", "UPDATE ledger_accounts SET balance = balance + 5 WHERE id IN (1, 3)",
    ])
    func `fault 42: figures beside the ledger that do not follow from it are found`(sql: String) async throws {
        try await Tampered.with(sql) { store in
            let report = try await store.verifyLedger(against: nil)
            #expect(report.violation != nil)
        }
    }

    @Test func `fault 43: a tail that was cut off shows against a saved head`() async throws {
        try await Tampered.with(
            """
            DELETE FROM postings WHERE sequence = 3;
            UPDATE ledger_accounts SET balance = balance + 30, postings = postings - 1, held = held - 30 WHERE id = 4;
            UPDATE ledger_accounts SET balance = balance - 30, postings = postings - 1 WHERE id = 2;
            DELETE FROM slots WHERE task = (SELECT task FROM slots ORDER BY task DESC LIMIT 1);
            """
        ) { store in
            let shorter = try await store.verifyLedger(against: nil)
            #expect(shorter.violation == nil, "without a head it looks like an earlier day")
            let head = LedgerHead(sequence: 3, hash: String(repeating: "0", count: 64))
            #expect(try await store.verifyLedger(against: head).violation?.invariant == "LG-7")
        }
    }

    @Test func `a saved head is found again, and another hash at its place is not`() async throws {
        try await Shop.with { shop in
            try await shop.submit(shop.task())
            let head = try await shop.store.verifyLedger(against: nil).head
            try await shop.submit(shop.task())
            #expect(try await shop.store.verifyLedger(against: head).violation == nil)
        }
        try await Tampered.with("SELECT 1") { store in
            let wrong = LedgerHead(sequence: 2, hash: String(repeating: "0", count: 64))
            let report = try await store.verifyLedger(against: wrong)
            #expect(report.violation?.sequence == 2)
        }
    }

    @Test func `each start looks at what was posted since the last time`() async throws {
        try await Shop.with { shop in
            try await shop.submit(shop.task())
            _ = try await shop.store.verifyLedger(against: nil)
            try await shop.submit(shop.task())
            await shop.store.close()
            try shop.sqlite("DROP TRIGGER postings_stay_as_written; UPDATE postings SET at = 1 WHERE sequence = 3")
            let again = try SQLiteStore.open(directory: shop.directory, rendering: Shop.rendering)
            #expect(again.health.paused?.contains("posting 3") == true)
            await again.close()
            try shop.sqlite(
                "UPDATE postings SET at = (SELECT created_at FROM tasks ORDER BY number DESC LIMIT 1) WHERE sequence = 3"
            )
        } then: { shop in
            try await shop.reopened()
        }
    }
}

extension SQLiteStore {
    fileprivate func firstAccount() async throws -> AccountID {
        try #require(try await accounts(cursor: nil, limit: 1).items.first?.id)
    }
}
