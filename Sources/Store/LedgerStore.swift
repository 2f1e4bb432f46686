import Domain

package protocol LedgerStore: Sendable {
    /// Grants credits once per reference: the same reference again answers the first grant.
    func grant(
        _ amount: Credits, to account: AccountID, reference: String, now: Instant
    ) async throws(StoreError) -> GrantOutcome

    /// Moves credits between issuer and wallet by an operator's hand; `amount` below zero takes away. Under a key it
    /// does so once: the same again answers the first adjustment.
    func adjust(
        _ amount: Credits, account: AccountID, reason: String, by actor: String, once key: IdempotencyKey?, now: Instant
    ) async throws(StoreError) -> AdjustOutcome

    func wallet(of account: AccountID) async throws(StoreError) -> Wallet

    /// The balance as last committed, from memory. Never waits.
    func balance(of account: AccountID) -> Credits?

    /// One account's own postings, newest first.
    func ledger(of account: AccountID, cursor: String?, limit: Int) async throws(StoreError) -> Page<Posting>

    /// What each kind of account holds together, by its name: issuer, wallets, escrow, revenue.
    func ledgerTotals() async throws(StoreError) -> [(name: String, sum: Credits)]

    /// Folds the whole ledger and compares it with balances, tasks and hash chain. `head` is one saved before.
    func verifyLedger(against head: LedgerHead?) async throws(StoreError) -> LedgerReport
}

package enum GrantOutcome: Sendable {
    case granted(Posting)
    /// The reference had been used: this is what it did then.
    case alreadyGranted(Posting)
}

package enum AdjustOutcome: Sendable {
    case adjusted(Posting)
    /// The key had been used for the same: this is what it did then.
    case alreadyAdjusted(Posting)
    /// The key was used for another adjustment.
    case mismatch
}

/// The end of the hash chain: whoever keeps one can tell later that nothing before it was changed or cut off.
package struct LedgerHead: Hashable, Sendable, CustomStringConvertible {
    package let sequence: Int64
    package let hash: String

    package init(sequence: Int64, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// As `description` says it; nil when it is none.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let sequence = Int64(parts[0]), sequence >= 0, parts[1].utf8.count == 64,
            parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
        else { return nil }
        self.init(sequence: sequence, hash: String(parts[1]))
    }

    package var description: String { "\(sequence):\(hash)" }
}

package struct LedgerReport: Hashable, Sendable {
    package let postings: Int64
    package let head: LedgerHead
    /// By account name: `issuer`, `escrow`, `revenue`, and the wallets together as `wallets`.
    package let sums: [String: Credits]
    /// The first thing that is wrong, or nil.
    package let violation: Violation?

    package struct Violation: Hashable, Sendable, Error {
        /// Which invariant, LG-1 … LG-7 as `docs/ledger.md` names them.
        package let invariant: String
        package let sequence: Int64?
        package let message: String

        package init(invariant: String, sequence: Int64?, message: String) {
            self.invariant = invariant
            self.sequence = sequence
            self.message = message
        }
    }

    package init(postings: Int64, head: LedgerHead, sums: [String: Credits], violation: Violation?) {
        self.postings = postings
        self.head = head
        self.sums = sums
        self.violation = violation
    }
}
