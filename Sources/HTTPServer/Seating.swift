import Synchronization

/// How the connections are spread over the loops.
///
/// As many loops are in use as there are cores to run them: a core that other work of this process needs to itself is
/// left to it, for loops that compete with that work only hold up what their own clients wait for. Those in use have
/// about as many connections each; where the kernel has dealt them out unevenly, some move.
final class Seating: Sendable {
    private final class Seats: Sendable {
        let taken = Atomic<Int>(0)
    }

    private let seats: [Seats]
    private let coresElsewhere: @Sendable () -> Int

    init(loops: Int, coresElsewhere: @escaping @Sendable () -> Int) {
        seats = (0..<loops).map { _ in Seats() }
        self.coresElsewhere = coresElsewhere
    }

    var taken: [Int] { seats.map { $0.taken.load(ordering: .relaxed) } }

    func enter(_ loop: Int) { seats[loop].taken.wrappingAdd(1, ordering: .relaxed) }
    func leave(_ loop: Int) { seats[loop].taken.wrappingSubtract(1, ordering: .relaxed) }

    /// Where one of `loop`'s connections would be better off, if anywhere. A hint: counts may change meanwhile.
    func better(than loop: Int) -> Int? {
        guard seats.count > 1 else { return nil }
        let inUse = max(1, seats.count - coresElsewhere())
        var (best, fewest) = (loop, Int.max)
        for other in 0..<inUse {
            let taken = seats[other].taken.load(ordering: .relaxed)
            if taken < fewest { (best, fewest) = (other, taken) }
        }
        guard loop < inUse else { return best }
        // Not for a difference that the next to come or go evens out.
        return seats[loop].taken.load(ordering: .relaxed) - fewest > 1 + fewest / 8 ? best : nil
    }
}
