import Domain
import Testing

@testable import Store

/// Postings that somebody wrote who knows how: the chain holds, every figure agrees, and the money went astray.
@Suite struct LedgerFoldTests {
    @Test func `a refund into another's wallet is found, though every sum agrees`() async throws {
        var other: AccountID?
        try await Tampered.with(
            before: { shop in
                let account = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start).id
                _ = try await shop.store.grant(100, to: account, reference: "start", now: Shop.start)
                try await shop.submit(shop.task(at: Shop.start + .seconds(2), account: account))
                other = account
            },
            alter: { database in
                let thief = LedgerAccount.wallet(try #require(other))
                let (held, amount) = try #require(
                    try database.one("SELECT task, amount FROM postings WHERE sequence = 2") {
                        (try $0.id(GenerationTask.self), $0.credits())
                    })
                let (escrow, wallet) = (try database.standing(of: .escrow), try database.standing(of: thief))
                let head = try database.head()
                let line = LedgerLine(
                    sequence: head.sequence + 1, kind: .refund, from: .escrow, to: thief, amount: amount, task: held,
                    slot: 0, item: .model, reference: nil, at: Shop.start, fromSequence: escrow.postings + 1,
                    fromBalance: escrow.balance - amount, toSequence: wallet.postings + 1,
                    toBalance: wallet.balance + amount)
                try Self.write(line, of: wallet.id, from: escrow.id, hash: line.hash(after: head.hash), in: database)
            }
        ) { store in
            let report = try await store.verifyLedger(against: nil)
            #expect(report.postings == 6)
            #expect(report.violation?.invariant == "LG-4" && report.violation?.sequence == 6)
        }
    }

    /// The row, and what the triggers would have done to both accounts.
    private static func write(
        _ line: LedgerLine, of wallet: Int64, from: Int64, hash: [UInt8], in database: Database
    ) throws {
        try database.run(
            """
            INSERT INTO postings (sequence, kind, from_account, to_account, wallet, amount, task, slot, item, reference,
                                  at, from_sequence, from_balance, to_sequence, to_balance, hash)
            VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, NULL, ?9, ?10, ?11, ?12, ?13, ?14)
            """
        ) {
            $0.bind(line.sequence)
            $0.bind(line.kind.rawValue)
            $0.bind(from)
            $0.bind(wallet)
            $0.bind(line.amount)
            $0.bind(line.task)
            $0.bind(line.slot)
            $0.bind(line.item?.rawValue)
            $0.bind(line.at)
            $0.bind(line.fromSequence)
            $0.bind(line.fromBalance)
            $0.bind(line.toSequence)
            $0.bind(line.toBalance)
            $0.bind(hash)
        }
        let amount = line.amount.amount
        try database.execute(
            """
            UPDATE ledger_accounts SET balance = balance - \(amount), postings = postings + 1 WHERE id = \(from);
            UPDATE ledger_accounts SET balance = balance + \(amount), postings = postings + 1, held = held - \(amount)
             WHERE id = \(wallet)
            """)
    }
}
