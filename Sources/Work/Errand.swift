import Domain
import Store
import Synchronization

/// One slot of one task, as a key.
package struct SlotKey: Hashable, Sendable {
    package let task: TaskID
    package let slot: Int

    package init(_ task: TaskID, _ slot: Int) {
        self.task = task
        self.slot = slot
    }
}

extension DueSlot {
    package var key: SlotKey { SlotKey(task.id, index) }
}

/// One piece of work on one slot, from the row that asks for it to the row that says how it went.
package struct Errand: Sendable {
    package let key: SlotKey
    package let run: @Sendable () async -> Outcome

    package init(_ key: SlotKey, run: @escaping @Sendable () async -> Outcome) {
        self.key = key
        self.run = run
    }
}

/// How an errand went.
package enum Outcome: String, Hashable, Sendable, CaseIterable {
    /// Nobody could take it now.
    case deferred
    /// The provider has it.
    case accepted
    /// The provider said no; the slot is in the queue again.
    case refused
    /// Nobody knows.
    case lost
    /// Running on.
    case progressed
    /// The provider is done.
    case ready
    /// The file is ours.
    case finished
    case failed
    case expired
    /// Settled, called off or given up upstream.
    case canceled
    /// It had moved on before we came.
    case stale
    /// The store or the disk would not: it comes up again.
    case postponed
}

/// How many errands went which way.
package struct Counts: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    private var counts: [Outcome: Int] = [:]

    package init() {}
    package init(dictionaryLiteral elements: (Outcome, Int)...) {
        for (outcome, count) in elements where count != 0 { counts[outcome] = count }
    }

    package subscript(_ outcome: Outcome) -> Int { counts[outcome, default: 0] }
    package var total: Int { counts.values.reduce(0, +) }
    package mutating func add(_ outcome: Outcome) { counts[outcome, default: 0] += 1 }
}
