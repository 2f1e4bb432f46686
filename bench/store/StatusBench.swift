import Domain
import Store

/// Status reads a second, one thread: from the cache, and from rows.
struct StatusBench {
    private let arguments: Arguments

    init(_ arguments: Arguments) { self.arguments = arguments }

    func run() async throws {
        let shop = try await Workshop(in: arguments.directory)
        var ids: [TaskID] = []
        for _ in 0..<64 {
            ids += try await withThrowingTaskGroup(of: TaskID.self) { group in
                for _ in 0..<64 {
                    group.addTask {
                        let task = shop.task()
                        _ = try await shop.store.submit(shop.submission(task))
                        return task.id
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        var (memory, rows) = ([Double](), [Double]())
        for _ in 0..<arguments.rounds {
            memory.append(rate { index in shop.store.recent(ids[index % ids.count])?.body.count ?? 0 })
            var count = 0
            let start = Workshop.seconds
            while Workshop.seconds - start < arguments.seconds {
                shop.store.dropCaches()
                for _ in 0..<64 {
                    _ = try await shop.store.task(ids[count % ids.count])
                    count += 1
                }
            }
            rows.append(Double(count) / (Workshop.seconds - start))
        }
        print("status reads per second, one caller; medians of \(arguments.rounds) rounds")
        print("  from the cache (rendered body)    ", Series.text(Series.median(memory)))
        print("  from SQLite (whole task, 2 joins) ", Series.text(Series.median(rows)))
        await shop.close()
    }

    private func rate(_ look: (Int) -> Int) -> Double {
        var (count, sum) = (0, 0)
        let start = Workshop.seconds
        while Workshop.seconds - start < arguments.seconds {
            for _ in 0..<1000 {
                sum += look(count)
                count += 1
            }
        }
        precondition(sum > 0, "nothing was found")
        return Double(count) / (Workshop.seconds - start)
    }
}
