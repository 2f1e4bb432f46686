/// Writes the body of a streamed answer from any thread, and tells how far ahead of the client it has got.
package final class BodyWriter: Sendable {
    package enum Pace: Sendable, Equatable {
        /// Go on.
        case ready
        /// The bytes were taken, but the client is behind: wait for `onReady` before writing more.
        case full
        /// The client has gone, or the stream is finished; the bytes were dropped.
        case closed
    }

    fileprivate struct State {
        var queuedBytes = 0
        var isClosed = false
        var isFinished = false
        /// Somebody was told `full` and not yet that the client has caught up.
        var owesReady = false
        var onReady: (@Sendable () -> Void)?
        var onClose: (@Sendable () -> Void)?
    }

    /// A writer is told to pause when this much waits: enough for any burst of events, little enough for a
    /// thousand stalled readers.
    package static let highWaterBytes = 64 * 1024

    private let token: Reply.Token
    private let outlet: any ReplyOutlet
    private let state = Locked(State())

    init(token: Reply.Token, outlet: any ReplyOutlet) {
        self.token = token
        self.outlet = outlet
    }

    @discardableResult
    package func write(_ bytes: [UInt8]) -> Pace {
        let pace: Pace = state.withLock { state in
            guard !state.isClosed, !state.isFinished else { return .closed }
            state.queuedBytes += bytes.count
            guard state.queuedBytes >= Self.highWaterBytes else { return .ready }
            state.owesReady = true
            return .full
        }
        if pace != .closed, !bytes.isEmpty { outlet.post(.chunk(bytes, self), for: token) }
        return pace
    }

    @discardableResult
    package func write(_ text: String) -> Pace { write(Array(text.utf8)) }

    /// Ends the answer. Writing after it does nothing.
    package func finish() {
        let first = state.withLock { state in
            defer { state.isFinished = true }
            return !state.isFinished && !state.isClosed
        }
        if first { outlet.post(.finish(self), for: token) }
    }

    package var isClosed: Bool { state.withLock { $0.isClosed } }

    /// Calls `action` each time the client has caught up after `full`; at once if it did so between that word and this
    /// call.
    package func onReady(_ action: @escaping @Sendable () -> Void) {
        let late = state.withLock { state in
            state.onReady = action
            return state.takeReady()
        }
        if late { action() }
    }

    /// Calls `action` once when the client leaves before `finish`; at once if it has left already.
    package func onClose(_ action: @escaping @Sendable () -> Void) {
        let late = state.withLock { state in
            if !state.isClosed { state.onClose = action }
            return state.isClosed
        }
        if late { action() }
    }

    // MARK: The server's side

    /// Tells that `count` queued bytes have gone into the socket.
    package func drained(_ count: Int) {
        let action = state.withLock { state -> (@Sendable () -> Void)? in
            state.queuedBytes -= count
            guard let action = state.onReady, state.takeReady() else { return nil }
            return action
        }
        action?()
    }

    /// Tells that nobody reads any more.
    package func closed() {
        let action = state.withLock { state -> (@Sendable () -> Void)? in
            defer {
                state.isClosed = true
                state.onClose = nil
                state.onReady = nil
            }
            return state.isClosed || state.isFinished ? nil : state.onClose
        }
        action?()
    }
}

extension BodyWriter.State {
    /// Whether the client has caught up and nobody was told.
    fileprivate mutating func takeReady() -> Bool {
        guard owesReady, !isClosed, queuedBytes < BodyWriter.highWaterBytes else { return false }
        owesReady = false
        return true
    }
}
