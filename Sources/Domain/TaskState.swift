/// The life of one piece of work. The same arrows are CHECKs in `migrations/` and a drawing in
/// `docs/states.md`; a test holds the three together.
package enum TaskState: String, Sendable, CaseIterable, Hashable {
    /// Paid for, waiting for a provider.
    case queued
    /// The intent to send is committed; the request may be on the wire.
    case submitting
    /// It was sent and no answer came: nobody knows whether it was bought. Never sent again blindly.
    case unknown
    /// The provider has it, under an id we hold.
    case running
    /// The provider is done; the file is on its way to us.
    case fetching
    case finished
    case failed
    case canceled
    /// A deadline passed first.
    case expired

    package var isFinal: Bool {
        switch self {
        case .finished, .failed, .canceled, .expired: true
        case .queued, .submitting, .unknown, .running, .fetching: false
        }
    }

    package var next: Set<TaskState> {
        switch self {
        case .queued: [.submitting, .failed, .canceled, .expired]
        case .submitting: [.running, .unknown, .queued, .fetching, .failed, .canceled, .expired]
        case .unknown: [.running, .queued, .failed, .canceled, .expired]
        case .running: [.fetching, .queued, .failed, .canceled, .expired]
        case .fetching: [.finished, .queued, .failed, .expired]
        case .finished, .failed, .canceled, .expired: []
        }
    }

    package func canBecome(_ next: TaskState) -> Bool { self.next.contains(next) }

    /// The state of a task from those of its slots: the most advanced unfinished one while any works,
    /// then finished if any finished, else what befell the first.
    package static func combining(_ slots: [TaskState]) -> TaskState {
        for state in [TaskState.fetching, .running, .unknown, .submitting, .queued] where slots.contains(state) {
            return state
        }
        return slots.contains(.finished) ? .finished : slots.first ?? .failed
    }
}
