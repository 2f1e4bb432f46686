import Domain
import Synchronization

/// How much memory answers with models in them may take together, until their last byte has left: whoever asks for many
/// and reads slowly must not fill it. One account may have a quarter of it.
final class InlineAllowance: Sendable {
    private struct Taken {
        var total: Int64 = 0
        var byAccount: [AccountID: Int64] = [:]
    }

    /// Gives its bytes back when the last who holds it lets go: the answer, and then the connection that sends it.
    final class Lease: Sendable {
        private let allowance: InlineAllowance
        private let account: AccountID
        private let bytes: Int64

        fileprivate init(_ allowance: InlineAllowance, _ account: AccountID, _ bytes: Int64) {
            self.allowance = allowance
            self.account = account
            self.bytes = bytes
        }

        deinit { allowance.giveBack(bytes, of: account) }
    }

    private let limit: Int64
    private let taken = Mutex(Taken())

    init(limit: Int64 = 256 << 20) { self.limit = limit }

    /// Room for `bytes`, or nil when there is none just now.
    func lease(_ bytes: Int64, for account: AccountID) -> Lease? {
        let fits = taken.withLock { taken in
            let own = taken.byAccount[account, default: 0] + bytes
            guard own <= limit / 4, taken.total + bytes <= limit else { return false }
            taken.total += bytes
            taken.byAccount[account] = own
            return true
        }
        return fits ? Lease(self, account, bytes) : nil
    }

    private func giveBack(_ bytes: Int64, of account: AccountID) {
        taken.withLock { taken in
            taken.total -= bytes
            let rest = taken.byAccount[account, default: 0] - bytes
            taken.byAccount[account] = rest > 0 ? rest : nil
        }
    }
}
