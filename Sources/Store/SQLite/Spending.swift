import Synchronization

/// Whether credits may be spent. Reading always goes on.
final class Spending: Sendable {
    private struct State {
        /// The ledger did not verify: nothing is posted any more.
        var stopped: String?
        /// A restored backup: nothing new is bought until an operator has looked.
        var reconciling: String?
    }

    private let state = Mutex(State())

    /// Why, if nothing may be posted or bought.
    var paused: String? { state.withLock { $0.stopped ?? $0.reconciling } }
    var reconciling: String? { state.withLock { $0.reconciling } }

    func stop(_ reason: String) { state.withLock { $0.stopped = $0.stopped ?? reason } }
    func reconcile(_ reason: String?) { state.withLock { $0.reconciling = reason } }

    /// For every posting.
    func allowPosting() throws {
        if let reason = state.withLock({ $0.stopped }) { throw StoreError.paidWritesPaused(reason: reason) }
    }

    /// For what commits us to spending more: a submit, or sending work to a provider.
    func allowBuying() throws {
        if let reason = paused { throw StoreError.paidWritesPaused(reason: reason) }
    }
}
