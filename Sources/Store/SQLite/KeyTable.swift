import Domain
import Synchronization

/// Every key that may still open something, in memory: authentication asks neither the disk nor the writer. Bounded
/// by how many keys operators make; a revoked or expired key stays so that its holder can be told which it is.
final class KeyTable: Sendable {
    private final class Entry: Sendable {
        let hash: SHA256.Words
        let key: APIKey
        let account: Account
        let principal: Principal
        /// When it first opened something since that was last written down, in milliseconds; 0: it has not.
        let usedAt: Atomic<Int64>

        init(hash: SHA256.Words, key: APIKey, account: Account, usedAt: Int64 = 0) {
            self.hash = hash
            self.key = key
            self.account = account
            self.usedAt = Atomic(usedAt)
            principal = Principal(
                account: account.id, key: key.id, scope: key.scope, accountName: account.name, limits: account.limits)
        }
    }

    private struct Table {
        var entries: [SHA256.Words: Entry] = [:]
        var accounts: [AccountID: Account] = [:]
        var hashes: [KeyID: SHA256.Words] = [:]
        var balances: [AccountID: Credits] = [:]
    }

    private let table = Mutex(Table())

    func authenticate(_ token: UnsafeBufferPointer<UInt8>, now: Instant) -> Authentication {
        guard token.count == KeyToken.length else { return .malformed }
        let hash = SHA256.words(token)
        guard let entry = table.withLock({ $0.entries[hash] }), entry.hash.isSame(as: hash) else {
            // The checksum tells a slip of the pen from a guess; of a known key there is nothing to tell.
            return KeyToken.isWellFormed(token) ? .unknown : .malformed
        }
        if entry.key.revokedAt != nil { return .revoked }
        if let end = entry.key.expiresAt, end <= now { return .expired }
        if entry.account.disabledAt != nil { return .disabled }
        // Written once a look, and only read by every other request.
        if entry.usedAt.load(ordering: .relaxed) == 0 { entry.usedAt.store(now.milliseconds, ordering: .relaxed) }
        return .known(entry.principal, spendCap: entry.key.spendCap)
    }

    func put(_ account: Account) {
        table.withLock { table in
            table.accounts[account.id] = account
            for (hash, entry) in table.entries where entry.key.account == account.id {
                table.entries[hash] = Entry(
                    hash: hash, key: entry.key, account: account, usedAt: entry.usedAt.load(ordering: .relaxed))
            }
        }
    }

    func put(_ key: APIKey, hash: SHA256.Words) {
        table.withLock { table in
            guard let account = table.accounts[key.account] else { return }
            table.entries[hash] = Entry(hash: hash, key: key, account: account)
            table.hashes[key.id] = hash
        }
    }

    func change(_ id: KeyID, _ change: (inout APIKey) -> Void) {
        table.withLock { table in
            guard let hash = table.hashes[id], let entry = table.entries[hash] else { return }
            var key = entry.key
            change(&key)
            table.entries[hash] = Entry(
                hash: hash, key: key, account: entry.account, usedAt: entry.usedAt.load(ordering: .relaxed))
        }
    }

    /// The keys that were used since this was last asked.
    func takeUses() -> [KeyID: Instant] {
        table.withLock { table in
            var uses: [KeyID: Instant] = [:]
            for entry in table.entries.values {
                let moment = entry.usedAt.exchange(0, ordering: .relaxed)
                if moment > 0 { uses[entry.key.id] = Instant(milliseconds: moment) }
            }
            return uses
        }
    }

    func balance(of account: AccountID) -> Credits? { table.withLock { $0.balances[account] } }

    func set(_ balances: [(account: AccountID, balance: Credits)]) {
        guard !balances.isEmpty else { return }
        table.withLock { table in for entry in balances { table.balances[entry.account] = entry.balance } }
    }
}
