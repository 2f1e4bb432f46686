import Domain

/// The whole ledger, computed again posting by posting, and compared with what the rows say at every step and with
/// the accounts at the end.
struct LedgerFold: Sendable {
    private struct Balance {
        var balance: Credits
        var postings: Int64
        var held: Credits = .zero
        var spent: Credits = .zero
    }

    private struct ChargeName: Hashable {
        let task: TaskID
        let slot: Int
        let item: Charge.Item
    }

    private struct Held {
        let amount: Credits
        let wallet: LedgerAccount
    }

    private var sequence: Int64 = 0
    private var hash = LedgerLine.genesis
    private var accounts: [LedgerAccount: Balance] = [:]
    private var held: [ChargeName: Held] = [:]
    /// A head that must be found on the way.
    private let expected: LedgerHead?
    /// From the first posting on. If not, what came before is taken from the rows.
    private let isWhole: Bool
    private(set) var isAtEnd = false
    var violation: LedgerReport.Violation? {
        didSet { if violation != nil { isAtEnd = true } }
    }

    /// The whole ledger.
    init(expected: LedgerHead?) {
        self.expected = expected
        isWhole = true
    }

    /// What came after `head`, which was found good before.
    init(after head: LedgerHead) {
        expected = head
        isWhole = false
        sequence = max(0, head.sequence - 1)
    }

    var report: LedgerReport {
        var sums: [String: Credits] = ["issuer": 0, "escrow": 0, "revenue": 0, "wallets": 0]
        for (account, balance) in accounts {
            if case .wallet = account {
                sums["wallets", default: 0] += balance.balance
            } else {
                sums[account.name, default: 0] += balance.balance
            }
        }
        return LedgerReport(
            postings: sequence, head: LedgerHead(sequence: sequence, hash: Self.text(hash)), sums: sums,
            violation: violation)
    }

    /// Goes on by up to `count` postings, and compares with the accounts when it has come to the end. Within one
    /// snapshot.
    mutating func advance(in database: Database, by count: Int) throws {
        var lines: [(line: LedgerLine, wallet: String, hash: [UInt8])] = []
        do {
            lines = try database.all(
                """
                SELECT sequence, p.kind, f.name, t.name, amount, task, slot, item, reference, at, from_sequence,
                       from_balance, to_sequence, to_balance, w.name, hash
                  FROM postings AS p LEFT JOIN ledger_accounts AS f ON f.id = from_account
                                     LEFT JOIN ledger_accounts AS t ON t.id = to_account
                                     LEFT JOIN ledger_accounts AS w ON w.id = wallet
                 WHERE sequence > ? ORDER BY sequence LIMIT ?
                """,
                {
                    $0.bind(sequence)
                    $0.bind(count)
                }
            ) { row in (try LedgerLine(&row), row.text(), row.bytes()) }
        } catch StoreError.broken(let what) {
            violation = .init(invariant: "LG-5", sequence: nil, message: "a posting cannot be read: \(what)")
            return
        }
        var rest = lines[...]
        if !isWhole, sequence == max(0, (expected?.sequence ?? 1) - 1), let first = rest.first {
            // The last one that was found good: only its hash counts.
            if first.line.sequence == sequence + 1, sequence + 1 == expected?.sequence {
                rest.removeFirst()
                (sequence, hash) = (first.line.sequence, first.hash)
                checkExpected()
            }
        }
        for (line, wallet, hash) in rest where violation == nil { take(line, wallet: wallet, hash: hash) }
        guard violation == nil, lines.count < count else { return }
        if let expected, expected.sequence > sequence {
            fail(
                "LG-7", sequence,
                "the ledger ends at \(sequence), and a head was saved at \(expected.sequence): its tail is gone")
        }
        if violation == nil { try compareAccounts(in: database) }
        isAtEnd = true
    }

    private mutating func take(_ line: LedgerLine, wallet: String, hash stored: [UInt8]) {
        guard line.sequence == sequence + 1 else {
            return fail("LG-5", line.sequence, "follows \(sequence): there is a gap")
        }
        guard stored == line.hash(after: hash) else {
            return fail("LG-7", line.sequence, "its hash is not that of the posting and the hash before it")
        }
        (sequence, hash) = (line.sequence, stored)
        checkExpected()
        guard line.amount > .zero else { return fail("LG-8", sequence, "moves \(line.amount)") }
        guard line.hasItsShape(wallet: wallet) else {
            return fail(
                "LG-1", sequence, "a \(line.kind.rawValue) from \(line.from.name) to \(line.to.name) of \(wallet)")
        }
        move(line.from, by: .zero - line.amount, to: line.fromBalance, line.fromSequence)
        move(line.to, by: line.amount, to: line.toBalance, line.toSequence)
        resolve(line, wallet: LedgerAccount(name: wallet) ?? .issuer)
    }

    private mutating func move(_ account: LedgerAccount, by amount: Credits, to balance: Credits, _ number: Int64) {
        let before = accounts[account] ?? (isWhole ? Balance(balance: .zero, postings: 0) : nil)
        if let before, before.balance + amount != balance || before.postings + 1 != number {
            return fail(
                "LG-5", sequence,
                "\(account.name) had \(before.balance) after \(before.postings) postings, and has \(balance) after \(number)"
            )
        }
        guard account == .issuer || balance >= .zero else {
            return fail("LG-2", sequence, "\(account.name) is at \(balance)")
        }
        accounts[account, default: Balance(balance: balance, postings: number)].balance = balance
        accounts[account]?.postings = number
    }

    private mutating func resolve(_ line: LedgerLine, wallet: LedgerAccount) {
        guard let task = line.task, let slot = line.slot, let item = line.item else { return }
        let name = ChargeName(task: task, slot: slot, item: item)
        let what = "\(item.rawValue) of slot \(slot) of task \(task)"
        if line.kind == .hold {
            if held.updateValue(Held(amount: line.amount, wallet: wallet), forKey: name) != nil {
                fail("LG-3", sequence, "\(what) is held twice")
            }
            accounts[wallet]?.held += line.amount
            return
        }
        guard let held = held.removeValue(forKey: name) else {
            if isWhole { fail("LG-3", sequence, "\(what): nothing is held that could be \(line.kind.rawValue)d") }
            return
        }
        guard held.amount == line.amount, held.wallet == wallet else {
            return fail(
                "LG-4", sequence,
                "\(what): held \(held.amount) of \(held.wallet.name), \(line.kind.rawValue)d \(line.amount)")
        }
        accounts[wallet]?.held += .zero - line.amount
        if line.kind == .settle { accounts[wallet]?.spent += line.amount }
    }

    private mutating func checkExpected() {
        guard let expected, expected.sequence == sequence, expected.hash != Self.text(hash) else { return }
        fail("LG-7", sequence, "its hash is not the one that was saved")
    }

    private mutating func compareAccounts(in database: Database) throws {
        var (sum, escrow, held) = (Credits.zero, Credits.zero, Credits.zero)
        let rows = try database.all("SELECT name, balance, postings, held, spent FROM ledger_accounts ORDER BY id") {
            row in
            (
                name: row.text(),
                state: Balance(
                    balance: row.credits(), postings: row.integer(), held: row.credits(), spent: row.credits())
            )
        }
        for (name, state) in rows {
            sum += state.balance
            held += state.held
            guard let account = LedgerAccount(name: name) else {
                return fail("LG-1", nil, "no such account: \(name)")
            }
            if account == .escrow { escrow = state.balance }
            guard let known = accounts[account] ?? (isWhole ? Balance(balance: .zero, postings: 0) : nil) else {
                continue
            }
            guard known.balance == state.balance, known.postings == state.postings else {
                return fail(
                    "LG-5", nil,
                    "\(name) is said to have \(state.balance) after \(state.postings) postings; they come to \(known.balance) after \(known.postings)"
                )
            }
            guard !isWhole || (known.held == state.held && known.spent == state.spent) else {
                return fail(
                    "LG-4", nil,
                    "\(name) is said to hold \(state.held) and have spent \(state.spent); its postings come to \(known.held) and \(known.spent)"
                )
            }
        }
        if sum != .zero { return fail("LG-1", nil, "all accounts together are \(sum), not 0") }
        if escrow != held { return fail("LG-4", nil, "escrow is \(escrow), and what is held comes to \(held)") }
    }

    private mutating func fail(_ invariant: String, _ sequence: Int64?, _ message: String) {
        guard violation == nil else { return }
        let where_ = sequence.map { "posting \($0): " } ?? ""
        violation = .init(invariant: invariant, sequence: sequence, message: where_ + message)
    }

    private static func text(_ hash: [UInt8]) -> String { String(decoding: Hexadecimal.text(hash), as: UTF8.self) }
}

extension LedgerLine {
    /// Whether it goes the way its kind goes, in the wallet it names.
    fileprivate func hasItsShape(wallet: String) -> Bool {
        let isCharge = task != nil && slot != nil && item != nil && reference == nil
        let isReferred = task == nil && slot == nil && item == nil && reference != nil
        return switch kind {
        case .grant: from == .issuer && to.name == wallet && isReferred
        case .hold: from.name == wallet && to == .escrow && isCharge
        case .settle: from == .escrow && to == .revenue && isCharge
        case .refund: from == .escrow && to.name == wallet && isCharge
        case .adjust:
            (from == .issuer && to.name == wallet || from.name == wallet && to == .issuer) && isReferred
        }
    }
}
