import Domain

/// What came of one try, as far as deciding goes.
package enum DeliveryResult: Hashable, Sendable {
    case answered(status: Int, retryAfter: Duration?)
    /// `word` is stable and tells nothing of the address: `timeout`, `blocked_address`, `tls_error`, …
    case unanswered(word: String, timedOut: Bool)
    /// Ended on our side, which says nothing about the receiver.
    case givenUp
}

/// What follows from it; pure.
package struct DeliveryVerdict: Hashable, Sendable {
    package enum Fate: Hashable, Sendable {
        case delivered
        case retry
        /// The receiver says that it is gone for good: the endpoint is disabled at once.
        case gone
        /// It counts as no try: it stays due as it was.
        case untried
    }

    package let fate: Fate
    /// The whole receiver is to be left alone for a while, not only this delivery.
    package let slowsLane: Bool

    package init(_ result: DeliveryResult) {
        switch result {
        case .answered(let status, _):
            switch status {
            case 200..<300: (fate, slowsLane) = (.delivered, false)
            case 410: (fate, slowsLane) = (.gone, false)
            case 429, 502, 503, 504: (fate, slowsLane) = (.retry, true)
            default: (fate, slowsLane) = (.retry, false)
            }
        case .unanswered(_, let timedOut):
            (fate, slowsLane) = (.retry, timedOut)
        case .givenUp:
            (fate, slowsLane) = (.untried, false)
        }
    }
}
