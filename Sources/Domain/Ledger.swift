/// A place where credits can be. Every posting moves an amount from one to another, so all of them
/// together always sum to zero; only `issuer` may be below zero.
package enum LedgerAccount: Hashable, Sendable {
    /// Where credits come from: minus all that was ever granted.
    case issuer
    case wallet(AccountID)
    /// Held for work under way.
    case escrow
    case revenue

    package var name: String {
        switch self {
        case .issuer: "issuer"
        case .wallet(let id): "wallet:\(id)"
        case .escrow: "escrow"
        case .revenue: "revenue"
        }
    }

    package init?(name: some StringProtocol) {
        switch name {
        case "issuer": self = .issuer
        case "escrow": self = .escrow
        case "revenue": self = .revenue
        default:
            guard name.hasPrefix("wallet:"), let id = AccountID(String(name.dropFirst(7))) else { return nil }
            self = .wallet(id)
        }
    }
}

/// One line of the ledger, never changed once written.
package struct Posting: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// issuer → wallet.
        case grant
        /// wallet → escrow, at submit.
        case hold
        /// escrow → revenue, when the work is done.
        case settle
        /// escrow → wallet, when it is not.
        case refund
        /// Between issuer and wallet either way, by an operator, with a reason.
        case adjust
    }

    /// 1, 2, 3, … without a gap over the whole ledger.
    package let sequence: Int64
    package let kind: Kind
    package let from: LedgerAccount
    package let to: LedgerAccount
    package let amount: Credits
    package let task: TaskID?
    package let slot: Int?
    package let item: Charge.Item?
    /// The client's own name for a grant, or the operator's reason for an adjustment.
    package let reference: String?
    package let at: Instant
    /// The balance and the running number of the account the posting is being read for.
    package let balanceAfter: Credits
    package let accountSequence: Int64

    package init(
        sequence: Int64, kind: Kind, from: LedgerAccount, to: LedgerAccount, amount: Credits, task: TaskID?,
        slot: Int?, item: Charge.Item?, reference: String?, at: Instant, balanceAfter: Credits, accountSequence: Int64
    ) {
        self.sequence = sequence
        self.kind = kind
        self.from = from
        self.to = to
        self.amount = amount
        self.task = task
        self.slot = slot
        self.item = item
        self.reference = reference
        self.at = at
        self.balanceAfter = balanceAfter
        self.accountSequence = accountSequence
    }
}
