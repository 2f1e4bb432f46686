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

    /// Both may be in one commit, and are told before whoever submits is.
    @Test func `a task that is called off as soon as its attempt is a row gives its place back`() throws {
        let board = ProviderBoard()
        board.configure("fal", Standing(isEnabled: true, concurrency: 1))
        #expect(board.reserve("fal", for: slot, kind: kind, at: start))
        var task = GenerationTask(
            id: slot.key.task, account: slot.account, key: KeyID(high: 3, low: 3),
            request: GenerationRequest(picture: .url("https://example.com/chair.png")), createdAt: start,
            deadline: start + .seconds(60), slots: [Slot(index: 0, seed: 1, charges: [], dueAt: start)])
        // News of it while it is in the queue still is none of the place's.
        #expect(!board.observe(task))
        #expect(board["fal"]?.inFlight == 1)
        let attempt = Attempt(id: .new(at: start), number: 1, provider: "fal", token: "t", boot: 1, beganAt: start)
        _ = try task.apply(.began(attempt), toSlot: 0, attempt: nil, at: start)
        #expect(!board.observe(task))
        #expect(board["fal"]?.inFlight == 1)
        _ = try task.apply(.canceled(Failure(code: "canceled", message: "x")), toSlot: 0, attempt: nil, at: start)
        #expect(board.observe(task))
        #expect(board["fal"]?.inFlight == 0 && board.load(of: slot.account) == 0)
    }

    @Test func `a try that never went makes room for the next`() {
        let (board, later) = (troubled(), start + .seconds(15))
        #expect(board.reserve("fal", for: slot, kind: kind, at: later))
        board.release(slot.key, kind)
        #expect(board.reserve("fal", for: slot, kind: kind, at: later + .seconds(1)))
    }
}
