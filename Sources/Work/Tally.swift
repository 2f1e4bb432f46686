import Domain
import Synchronization

/// What Work counts, for the metrics: plain numbers under fixed names, one lock, nothing formatted here.
package final class Tally: Sendable {
    package struct Label: Hashable, Sendable {
        package let provider: ProviderID
        package let word: String
    }

    /// Seconds, as Prometheus likes them: cumulative when printed, plain here.
    package struct Histogram: Sendable {
        package static let bounds: [Double] = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800]
        package private(set) var counts = [UInt64](repeating: 0, count: bounds.count + 1)
        package private(set) var sum = 0.0

        package mutating func add(_ duration: Duration) {
            let seconds = duration.inSeconds
            sum += seconds
            counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        }
    }

    package struct Snapshot: Sendable {
        /// Attempts by provider and what became of their submit.
        package fileprivate(set) var submits: [Label: UInt64] = [:]
        /// Looks at running jobs by provider and what they told.
        package fileprivate(set) var looks: [Label: UInt64] = [:]
        /// Faults by provider and word.
        package fileprivate(set) var faults: [Label: UInt64] = [:]
        /// From submit to done upstream.
        package fileprivate(set) var generations: [ProviderID: Histogram] = [:]
        /// One call, by provider.
        package fileprivate(set) var calls: [ProviderID: Histogram] = [:]
        /// From done upstream to finished here.
        package fileprivate(set) var finishes = Histogram()
        /// From submit by the customer to the first attempt.
        package fileprivate(set) var waits = Histogram()
        package fileprivate(set) var downloadedBytes: UInt64 = 0
        /// Late results and accepted jobs nobody wanted any more.
        package fileprivate(set) var lateResults: UInt64 = 0
        package fileprivate(set) var callbacks: [Label: UInt64] = [:]
    }

    private let state = Mutex(Snapshot())

    package init() {}

    package func snapshot() -> Snapshot { state.withLock { $0 } }

    func submitted(_ provider: ProviderID, _ outcome: Outcome) {
        state.withLock { $0.submits[Label(provider: provider, word: outcome.rawValue), default: 0] += 1 }
    }

    func looked(_ provider: ProviderID, _ outcome: Outcome) {
        state.withLock { $0.looks[Label(provider: provider, word: outcome.rawValue), default: 0] += 1 }
    }

    func fault(_ provider: ProviderID, _ word: String) {
        state.withLock { $0.faults[Label(provider: provider, word: word), default: 0] += 1 }
    }

    func called(_ provider: ProviderID, took duration: Duration) {
        state.withLock { $0.calls[provider, default: Histogram()].add(duration) }
    }

    func generated(_ provider: ProviderID, took duration: Duration) {
        state.withLock { $0.generations[provider, default: Histogram()].add(duration) }
    }

    func finished(after duration: Duration, bytes: Int64) {
        state.withLock { state in
            state.finishes.add(duration)
            state.downloadedBytes += UInt64(max(0, bytes))
        }
    }

    func waited(_ duration: Duration) { state.withLock { $0.waits.add(duration) } }

    func late() { state.withLock { $0.lateResults += 1 } }

    func callback(_ provider: ProviderID, _ word: String) {
        state.withLock { $0.callbacks[Label(provider: provider, word: word), default: 0] += 1 }
    }
}
