import Domain

/// All that the gateway remembers, as operations of the domain: never SQL, never a connection, so that
/// another engine can stand behind it. Whatever a call here acknowledges is on disk.
///
/// The front writes requests and reads answers; the back picks up what is due. Nothing passes between
/// them but rows, and `changes`, which is only a hint: missing one must never matter.
package protocol Store: TaskStore, LedgerStore, KeyStore, WebhookStore, OperatorStore {}

package enum StoreError: Error, Hashable, Sendable {
    /// The ledger did not verify, or the store is in reconcile mode: reading goes on, spending does not.
    case paidWritesPaused(reason: String)
    /// The disk is full: nothing was written; it works again when there is room.
    case diskFull
    /// The storage failed at a moment when it cannot be known what was written. Only a restart tells.
    case outcomeUnknown(String)
    /// The store is closing or closed.
    case closed
    /// The writer has more waiting than it should: come back in a moment.
    case overloaded
    case notFound
    /// A name or reference that is already taken.
    case alreadyExists(String)
    /// An operation that money or state does not allow, in words for the caller.
    case refused(String)
    /// A bug or a damaged file: the text is for the log.
    case broken(String)
}
