import Domain
import Store

/// One of the loops of the back of the house. All that it does is in `pick`, which finds what is due, and in the
/// errands it makes of it; whoever runs it only decides when.
package protocol Duty: Sendable {
    var name: String { get }
    /// Whether the end of an errand makes room for another, so that it is worth looking again.
    var looksAgain: Bool { get }
    /// Whether a slot that was asked for while its errand was under way is to have another: the news may be younger
    /// than what the errand saw.
    var repeats: Bool { get }
    /// When there may be something to do that no row tells the moment of; nil: rows tell all.
    func nextLook(after now: Instant) -> Instant?
    /// At most `limit` errands for what is due at `now`, save slots that are busy with an earlier one.
    func pick(limit: Int, busy: Busy, now: Instant) async throws(StoreError) -> [Errand]
}

extension Duty {
    package var looksAgain: Bool { false }
    package var repeats: Bool { false }
    package func nextLook(after now: Instant) -> Instant? { nil }

    /// Does everything that is due, all at once, and says how it went.
    package func runOnce(limit: Int = 1000, now: Instant) async throws(StoreError) -> Counts {
        let errands = try await pick(limit: limit, busy: .nobody, now: now)
        return await withTaskGroup(of: Outcome.self) { group in
            for errand in errands { group.addTask { await errand.run() } }
            var counts = Counts()
            for await outcome in group { counts.add(outcome) }
            return counts
        }
    }
}

/// The slots that have an errand under way: still due as far as their rows say.
package struct Busy: Sendable {
    package let count: Int
    private let isBusy: @Sendable (SlotKey) -> Bool

    package init(count: Int, _ isBusy: @escaping @Sendable (SlotKey) -> Bool) {
        self.count = count
        self.isBusy = isBusy
    }

    package func contains(_ key: SlotKey) -> Bool { isBusy(key) }

    package static let nobody = Busy(count: 0) { _ in false }
}
