import Synchronization

/// Chance for waits, thousands a second: asking the system for each costs more than the rest of the sum. Never for
/// anything that must not be guessed.
final class Dice: RandomNumberGenerator, Sendable {
    private let state: Atomic<UInt64>

    init(seed: UInt64 = .random(in: 0 ... .max)) { state = Atomic(seed) }

    /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): a step of the golden
    /// ratio, well stirred. Whoever comes at the same time takes the next step.
    func next() -> UInt64 {
        var word = state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
