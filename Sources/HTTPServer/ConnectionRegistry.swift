import HTTP

/// Counts the connections of all loops, in all and by address, and decides which may come in.
final class ConnectionRegistry: Sendable {
    enum Verdict { case welcome, full, tooManyFromAddress }

    private struct Counts {
        var total = 0
        var refused = 0
        var byAddress: [UInt64: Int] = [:]
    }

    private let limit: Int
    private let limitPerAddress: Int
    private let refusedLimit: Int
    private let counts = Locked(Counts())

    init(limit: Int, limitPerAddress: Int, refusedLimit: Int) {
        self.limit = limit
        self.limitPerAddress = limitPerAddress
        self.refusedLimit = refusedLimit
    }

    var total: Int { counts.withLock { $0.total } }

    /// Lets a connection in and counts it, or says why not. `isExempt` passes over the limit by address.
    func enter(_ peer: NetworkAddress, isExempt: Bool) -> Verdict {
        counts.withLock { counts in
            if counts.total >= limit { return .full }
            if !isExempt {
                let count = counts.byAddress[peer.neighbourhood, default: 0]
                if count >= limitPerAddress { return .tooManyFromAddress }
                counts.byAddress[peer.neighbourhood] = count + 1
            }
            counts.total += 1
            return .welcome
        }
    }

    func leave(_ peer: NetworkAddress, isExempt: Bool) {
        counts.withLock { counts in
            counts.total -= 1
            guard !isExempt, let count = counts.byAddress[peer.neighbourhood] else { return }
            counts.byAddress[peer.neighbourhood] = count > 1 ? count - 1 : nil
        }
    }

    /// A refused connection may stay for its answer if not too many do already.
    func enterRefused() -> Bool {
        counts.withLock { counts in
            guard counts.refused < refusedLimit else { return false }
            counts.refused += 1
            return true
        }
    }

    func leaveRefused() { counts.withLock { $0.refused -= 1 } }
}
