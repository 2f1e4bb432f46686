import COpenSSL
import Domain
import JSON

// The five verbs, and the one function all of them end in. Nothing else writes a posting.

extension Transaction {
    /// issuer → wallet. The caller has looked whether the reference is new; the index makes sure.
    func grant(_ amount: Credits, to account: AccountID, reference: String, at now: Instant) throws -> Posting {
        try post(.grant, amount, wallet: account, from: .issuer, to: .wallet(account), reference: reference, at: now)
    }

    /// wallet → escrow.
    func hold(_ charge: Charge, of task: GenerationTask, at now: Instant) throws {
        guard charge.amount > .zero else { return }
        let wallet = LedgerAccount.wallet(task.account)
        _ = try post(.hold, charge.amount, wallet: task.account, from: wallet, to: .escrow, charge, task.id, at: now)
    }

    /// escrow → revenue.
    func settle(_ charge: Charge, of task: GenerationTask, at now: Instant) throws {
        guard charge.amount > .zero else { return }
        _ = try post(
            .settle, charge.amount, wallet: task.account, from: .escrow, to: .revenue, charge, task.id, at: now)
    }

    /// escrow → wallet.
    func refund(_ charge: Charge, of task: GenerationTask, at now: Instant) throws {
        guard charge.amount > .zero else { return }
        let wallet = LedgerAccount.wallet(task.account)
        _ = try post(.refund, charge.amount, wallet: task.account, from: .escrow, to: wallet, charge, task.id, at: now)
        let key = try database.budget(of: task.key)
        try database.run("UPDATE api_keys SET spent = spent - ? WHERE id = ? AND spend_cap IS NOT NULL") {
            $0.bind(charge.amount)
            $0.bind(key)
        }
    }

    /// Between issuer and wallet, by an operator; below zero takes away.
    func adjust(_ amount: Credits, account: AccountID, reason: String, at now: Instant) throws -> Posting {
        let wallet = LedgerAccount.wallet(account)
        return amount > .zero
            ? try post(.adjust, amount, wallet: account, from: .issuer, to: wallet, reference: reason, at: now)
            : try post(
                .adjust, .zero - amount, wallet: account, from: wallet, to: .issuer, reference: reason, at: now)
    }

    /// Writes one posting at the end of the ledger. Triggers move the balances, and refuse it unless sequence,
    /// balances and what is held are exactly as said here.
    private func post(
        _ kind: Posting.Kind, _ amount: Credits, wallet: AccountID, from: LedgerAccount, to: LedgerAccount,
        _ charge: Charge? = nil, _ task: TaskID? = nil, reference: String? = nil, at now: Instant
    ) throws -> Posting {
        try spending.allowPosting()
        let payer = try database.standing(of: from)
        let payee = try database.standing(of: to)
        let owner =
            from == .wallet(wallet) ? payer : to == .wallet(wallet) ? payee : try database.standing(of: .wallet(wallet))
        let head = try database.head()
        let line = LedgerLine(
            sequence: head.sequence + 1, kind: kind, from: from, to: to, amount: amount, task: task,
            slot: charge?.slot, item: charge?.item, reference: reference, at: now, fromSequence: payer.postings + 1,
            fromBalance: payer.balance - amount, toSequence: payee.postings + 1, toBalance: payee.balance + amount)
        try database.run(
            """
            INSERT INTO postings (sequence, kind, from_account, to_account, wallet, amount, task, slot, item, reference,
                                  at, from_sequence, from_balance, to_sequence, to_balance, hash)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(line.sequence)
            $0.bind(kind.rawValue)
            $0.bind(payer.id)
            $0.bind(payee.id)
            $0.bind(owner.id)
            $0.bind(amount)
            $0.bind(task)
            $0.bind(line.slot)
            $0.bind(line.item?.rawValue)
            $0.bind(reference)
            $0.bind(now)
            $0.bind(line.fromSequence)
            $0.bind(line.fromBalance)
            $0.bind(line.toSequence)
            $0.bind(line.toBalance)
            $0.bind(line.hash(after: head.hash))
        }
        for (account, balance) in [(from, line.fromBalance), (to, line.toBalance)] {
            if case .wallet(let id) = account { note(balance: balance, of: id) }
        }
        return line.posting(seenFrom: .wallet(wallet))
    }
}

/// How an account of the ledger stands.
struct Standing {
    let id: Int64
    let balance: Credits
    /// Postings it has had.
    let postings: Int64
}

extension Database {
    func standing(of account: LedgerAccount) throws -> Standing {
        let found: Standing?
        switch account {
        case .wallet(let owner):
            found = try one(
                "SELECT id, balance, postings FROM ledger_accounts WHERE owner = ?", { $0.bind(owner) }, Self.standing)
        case .issuer: found = try standing(at: 1)
        case .escrow: found = try standing(at: 2)
        case .revenue: found = try standing(at: 3)
        }
        guard let found else { throw StoreError.notFound }
        return found
    }

    private func standing(at id: Int64) throws -> Standing? {
        try one("SELECT id, balance, postings FROM ledger_accounts WHERE id = ?", { $0.bind(id) }, Self.standing)
    }

    private static func standing(_ row: inout Row) -> Standing {
        Standing(id: row.integer(), balance: row.credits(), postings: row.integer())
    }

    /// The last posting's number and hash; before the first, 0 and 32 zero bytes.
    func head() throws -> (sequence: Int64, hash: [UInt8]) {
        try one("SELECT sequence, hash FROM postings ORDER BY sequence DESC LIMIT 1") { ($0.integer(), $0.bytes()) }
            ?? (0, LedgerLine.genesis)
    }
}

/// A posting with both sides' numbers: what is written, and what the hash is of.
struct LedgerLine {
    let sequence: Int64
    let kind: Posting.Kind
    let from: LedgerAccount
    let to: LedgerAccount
    let amount: Credits
    let task: TaskID?
    let slot: Int?
    let item: Charge.Item?
    let reference: String?
    let at: Instant
    let fromSequence: Int64
    let fromBalance: Credits
    let toSequence: Int64
    let toBalance: Credits

    static let genesis = [UInt8](repeating: 0, count: 32)

    /// The row as a JSON array, so that anyone can compute the chain again with a few lines of any language.
    var canonical: [UInt8] {
        var json = JSONWriter(reserving: 320)
        json.array {
            $0.integer(sequence)
            $0.string(kind.rawValue)
            $0.string(from.name)
            $0.string(to.name)
            $0.integer(amount.amount)
            if let task { $0.string(task.description) } else { $0.null() }
            if let slot { $0.integer(slot) } else { $0.null() }
            if let item { $0.string(item.rawValue) } else { $0.null() }
            if let reference { $0.string(reference) } else { $0.null() }
            $0.integer(at.milliseconds)
            $0.integer(fromSequence)
            $0.integer(fromBalance.amount)
            $0.integer(toSequence)
            $0.integer(toBalance.amount)
        }
        return json.bytes
    }

    func hash(after previous: [UInt8]) -> [UInt8] { SHA256.digest(previous + canonical) }

    /// As the holder of `account` sees it; the paying side's figures if it is on neither.
    func posting(seenFrom account: LedgerAccount) -> Posting {
        let receives = to == account
        return Posting(
            sequence: sequence, kind: kind, from: from, to: to, amount: amount, task: task, slot: slot, item: item,
            reference: reference, at: at, balanceAfter: receives ? toBalance : fromBalance,
            accountSequence: receives ? toSequence : fromSequence)
    }
}
