import CLinux
import Glibc
import Synchronization

/// What other threads want from the client's thread, in order. An eventfd wakes it, once per batch.
final class Mailbox: Sendable {
    enum Message: Sendable {
        case start(Job)
        case cancel(UInt64)
        case resolved(name: String, LookupAnswer)
        /// Called when no call is in flight.
        case whenIdle(@Sendable () -> Void)
        case close
    }

    private struct State {
        var messages: [Message] = []
        var isClosed = false
    }

    /// Readable when something has been posted.
    let wakeDescriptor: Int32
    private let state = Mutex(State())

    init?() {
        wakeDescriptor = linux_eventfd_create()
        if wakeDescriptor < 0 { return nil }
    }

    deinit { Glibc.close(wakeDescriptor) }

    /// False when nobody will read it any more.
    @discardableResult
    func post(_ message: Message) -> Bool {
        let (isTaken, isFirst) = state.withLock { state in
            guard !state.isClosed else { return (false, false) }
            state.messages.append(message)
            return (true, state.messages.count == 1)
        }
        if isFirst { eventfd_write(wakeDescriptor, 1) }
        return isTaken
    }

    /// Everything posted since the last time. Swaps the buffers, so that neither side allocates in the long run.
    func take(into messages: inout [Message]) {
        state.withLock { swap(&$0.messages, &messages) }
    }

    /// The last look: what is posted from now on is refused.
    func takeLast() -> [Message] {
        state.withLock { state in
            state.isClosed = true
            defer { state.messages = [] }
            return state.messages
        }
    }

    func clearWake() {
        var count: UInt64 = 0
        eventfd_read(wakeDescriptor, &count)
    }
}
