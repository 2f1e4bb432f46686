import Domain

// The ledger as it is asked for and read.

extension SQLiteStore {
    package func grant(
        _ amount: Credits, to account: AccountID, reference: String, now: Instant
    ) async throws(StoreError) -> GrantOutcome {
        try Self.check(amount)
        guard (1...255).contains(reference.utf8.count) else {
            throw .refused("a grant's reference has 1 to 255 bytes; this one has \(reference.utf8.count)")
        }
        return try await writer.write { transaction in
            let wallet = try transaction.database.standing(of: .wallet(account))
            // The first grant's answer stands, however full the wallet is by now.
            if let earlier = try transaction.database.grant(reference, to: account) { return .alreadyGranted(earlier) }
            try Self.check(roomFor: amount, on: wallet.balance)
            try Self.check(roomFor: amount, issuedBefore: transaction.database.standing(of: .issuer).balance)
            return .granted(try transaction.grant(amount, to: account, reference: reference, at: now))
        }
    }

    package func adjust(
        _ amount: Credits, account: AccountID, reason: String, by actor: String, once key: IdempotencyKey?, now: Instant
    ) async throws(StoreError) -> AdjustOutcome {
        try Self.check(Credits(Int64(clamping: amount.amount.magnitude)))
        guard (1...255).contains(reason.utf8.count) else {
            throw .refused("an adjustment's reason has 1 to 255 bytes; this one has \(reason.utf8.count)")
        }
        return try await writer.write { [vault] transaction in
            let wallet = try transaction.database.standing(of: .wallet(account))
            // What is kept is the number of the posting that follows: postings stay as they are.
            let number = Array(String(try transaction.database.head().sequence + 1).utf8)
            let kept = key.map { KeptAnswer(key: $0, body: number, at: now) }
            // The first adjustment's answer stands, whatever the balance is by now.
            switch try transaction.once(kept, account: account, vault) {
            case nil: break
            case .mismatch: return .mismatch
            case .answer(_, let body):
                let sequence = Int64(String(decoding: body, as: UTF8.self)) ?? 0
                return .alreadyAdjusted(try transaction.database.posting(sequence, of: account))
            }
            try Self.check(roomFor: amount, on: wallet.balance)
            guard wallet.balance + amount >= .zero else {
                throw StoreError.refused("the balance is \(wallet.balance): \(amount) would take it below zero")
            }
            try Self.check(roomFor: amount, issuedBefore: transaction.database.standing(of: .issuer).balance)
            let posting = try transaction.adjust(amount, account: account, reason: reason, at: now)
            try transaction.audit(
                actor: actor, act: "credits.adjust", subject: "account:\(account)", detail: "\(amount): \(reason)",
                at: now)
            return .adjusted(posting)
        }
    }

    package func wallet(of account: AccountID) async throws(StoreError) -> Wallet {
        let wallet = try await readers.read { database in
            try database.one(
                "SELECT balance, held, spent FROM ledger_accounts WHERE owner = ?", { $0.bind(account) }
            ) { Wallet(balance: $0.credits(), held: $0.credits(), spent: $0.credits()) }
        }
        guard let wallet else { throw .notFound }
        return wallet
    }

    package func ledgerTotals() async throws(StoreError) -> [(name: String, sum: Credits)] {
        try await readers.read { database in
            // A wallet's row has an owner; the house's own three come first.
            try database.all(
                """
                SELECT iif(kind = 'wallet', 'wallets', kind), sum(balance) FROM ledger_accounts GROUP BY kind ORDER BY kind
                """
            ) { (name: $0.text(), sum: $0.credits()) }
        }
    }

    package func balance(of account: AccountID) -> Credits? { keyTable.balance(of: account) }

    package func ledger(
        of account: AccountID, cursor: String?, limit: Int
    ) async throws(StoreError) -> Page<Posting> {
        let before = try cursor.map(Cursor.number) ?? .max
        return try await readers.read { database in
            let limit = Cursor.bounded(limit)
            let rows = try database.postings(of: account, before: before, limit: limit + 1)
            return Page(of: rows, limit: limit) { String($0.accountSequence) }
        }
    }

    private static func check(_ amount: Credits) throws(StoreError) {
        guard amount > .zero, amount.amount <= Credits.limit else {
            throw .refused("an amount is a whole number from 1 to \(Credits.limit); got \(amount)")
        }
    }

    /// So does the issuer's, which is minus all that was ever granted.
    private static func check(roomFor amount: Credits, issuedBefore issuer: Credits) throws(StoreError) {
        guard amount.amount <= Credits.limit + issuer.amount else {
            throw .refused(
                "all accounts together may be granted \(Credits.limit); \(-issuer.amount) are out, \(amount) do not fit"
            )
        }
    }

    /// A balance stays where every JSON client can read it.
    private static func check(roomFor amount: Credits, on balance: Credits) throws {
        guard amount.amount <= Credits.limit - balance.amount else {
            throw StoreError.refused(
                "a balance may be at most \(Credits.limit); it is \(balance), \(amount) does not fit")
        }
    }
}

extension Database {
    fileprivate func grant(_ reference: String, to account: AccountID) throws -> Posting? {
        try lines(
            """
            SELECT sequence, postings.kind, f.name, t.name, amount, task, slot, item, reference, at, from_sequence,
                   from_balance, to_sequence, to_balance
              FROM postings JOIN ledger_accounts AS f ON f.id = from_account
                            JOIN ledger_accounts AS t ON t.id = to_account
             WHERE postings.kind = 'grant' AND wallet = (SELECT id FROM ledger_accounts WHERE owner = ?)
               AND reference = ?
            """
        ) {
            $0.bind(account)
            $0.bind(reference)
        }.first?.posting(seenFrom: .wallet(account))
    }

    fileprivate func posting(_ sequence: Int64, of account: AccountID) throws -> Posting {
        let line = try lines(
            """
            SELECT sequence, postings.kind, f.name, t.name, amount, task, slot, item, reference, at, from_sequence,
                   from_balance, to_sequence, to_balance
              FROM postings JOIN ledger_accounts AS f ON f.id = from_account
                            JOIN ledger_accounts AS t ON t.id = to_account
             WHERE sequence = ?
            """
        ) { $0.bind(sequence) }.first
        guard let line else { throw StoreError.broken("there is no posting \(sequence)") }
        return line.posting(seenFrom: .wallet(account))
    }

    /// Newest first: from both sides' indexes, each walked only as far as the page goes.
    fileprivate func postings(of account: AccountID, before: Int64, limit: Int) throws -> [Posting] {
        try lines(
            """
            SELECT sequence, p.kind, f.name, t.name, amount, task, slot, item, reference, at, from_sequence,
                   from_balance, to_sequence, to_balance
              FROM (SELECT sequence AS number, account_sequence FROM (
                        SELECT sequence, from_sequence AS account_sequence FROM postings
                         WHERE from_account = (SELECT id FROM ledger_accounts WHERE owner = ?1) AND from_account > 3
                           AND from_sequence < ?2
                         ORDER BY from_sequence DESC LIMIT ?3)
                    UNION ALL
                    SELECT * FROM (
                        SELECT sequence, to_sequence FROM postings
                         WHERE to_account = (SELECT id FROM ledger_accounts WHERE owner = ?1) AND to_account > 3
                           AND to_sequence < ?2
                         ORDER BY to_sequence DESC LIMIT ?3))
                   JOIN postings AS p ON p.sequence = number
                   JOIN ledger_accounts AS f ON f.id = from_account
                   JOIN ledger_accounts AS t ON t.id = to_account
             ORDER BY account_sequence DESC LIMIT ?3
            """
        ) {
            $0.bind(account)
            $0.bind(before)
            $0.bind(limit)
        }.map { $0.posting(seenFrom: .wallet(account)) }
    }

    /// Those of one task, oldest first, as its customer's wallet sees them.
    func postings(of task: TaskID) throws -> [Posting] {
        let wallet = try one(
            "SELECT owner FROM ledger_accounts JOIN postings ON wallet = id WHERE task = ? AND postings.kind = 'hold'",
            { $0.bind(task) }
        ) { try $0.id(Account.self) }
        guard let wallet else { return [] }
        return try lines(
            """
            SELECT sequence, postings.kind, f.name, t.name, amount, task, slot, item, reference, at, from_sequence,
                   from_balance, to_sequence, to_balance
              FROM postings JOIN ledger_accounts AS f ON f.id = from_account
                            JOIN ledger_accounts AS t ON t.id = to_account
             WHERE task = ?1 AND postings.kind = 'hold'
                OR task = ?1 AND postings.kind IN ('settle', 'refund')
             ORDER BY sequence
            """
        ) { $0.bind(task) }.map { $0.posting(seenFrom: .wallet(wallet)) }
    }

    private func lines(_ sql: StaticString, _ bind: (Statement) -> Void) throws -> [LedgerLine] {
        try all(sql, bind) { try LedgerLine(&$0) }
    }
}

extension LedgerLine {
    /// From the columns in the order of the canonical row, accounts by name.
    init(_ row: inout Row) throws {
        sequence = row.integer()
        kind = try row.word()
        from = try Self.account(row.text())
        to = try Self.account(row.text())
        amount = row.credits()
        task = try row.optional { try $0.id() }
        slot = row.optional { $0.int() }
        item = try row.optional { try $0.word() }
        reference = row.optional { $0.text() }
        at = row.instant()
        fromSequence = row.integer()
        fromBalance = row.credits()
        toSequence = row.integer()
        toBalance = row.credits()
    }

    private static func account(_ name: String) throws -> LedgerAccount {
        guard let account = LedgerAccount(name: name) else {
            throw StoreError.broken("no such ledger account: \(name)")
        }
        return account
    }
}
