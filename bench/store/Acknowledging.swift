import Domain
import Glibc
import Store

/// For the power-cut test: submits without end and prints the id of each task once it is acknowledged, synchronous
/// FULL or NORMAL; and lists what is there.
struct Acknowledging {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() async throws {
        let shop = try await Workshop(at: arguments.data, synchronous: arguments.synchronous)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    while true {
                        let task = shop.task()
                        guard case .created = try await shop.store.submit(shop.submission(task)) else { return }
                        Self.print(task.id)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    func list() async throws {
        let store = try SQLiteStore.open(directory: arguments.data, rendering: Workshop.rendering)
        var cursor: String?
        repeat {
            let page = try await store.tasks(of: nil, TaskFilter(cursor: cursor, limit: 1000))
            for task in page.items { Self.print(task.id) }
            cursor = page.next
        } while cursor != nil
        let violation = try await store.verifyLedger(against: nil).violation
        await store.close()
        if let violation { fatalError(violation.message) }
    }

    /// In one write, so that no line is ever seen by half.
    private static func print(_ id: TaskID) {
        let line = Array("\(id)\n".utf8)
        write(1, line, line.count)
    }
}
