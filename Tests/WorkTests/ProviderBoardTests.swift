import Domain
import Testing

@testable import Work

@Suite struct ProviderBoardTests {
    private let start = Instant(milliseconds: 1_760_000_000_000)
    private let kind = RequestKind(resolution: 1024, textures: false)
    private let slot = DueSlotIdentity(
        key: SlotKey(TaskID(high: 1, low: 1), 0), account: AccountID(high: 2, low: 2))

    /// A board on which such jobs kept failing at `fal` until `start`, and may be tried again fifteen seconds later.
    private func troubled() -> ProviderBoard {
        let board = ProviderBoard()
        board.configure("fal", Standing(isEnabled: true, concurrency: 10))
        for _ in 0..<5 { board.change("fal") { $0.generationFailed(kind, because: "it broke", at: start) } }
        return board
    }

    @Test func `a kind of job that keeps failing is tried by one at a time`() {
        let (board, later) = (troubled(), start + .seconds(15))
        #expect(!board.reserve("fal", for: slot, kind: kind, at: start))
        #expect(board.reserve("fal", for: slot, kind: kind, at: later))
        #expect(!board.reserve("fal", for: slot, kind: kind, at: later))
    }

    @Test func `a try that never went makes room for the next`() {
        let (board, later) = (troubled(), start + .seconds(15))
        #expect(board.reserve("fal", for: slot, kind: kind, at: later))
        board.release(slot.key, kind)
        #expect(board.reserve("fal", for: slot, kind: kind, at: later + .seconds(1)))
    }
}
