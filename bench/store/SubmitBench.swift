import Domain
import Store

/// Durable submits a second.
struct SubmitBench {
    private let arguments: Arguments
    private let writers = [1, 8, 64]

    init(_ arguments: Arguments) { self.arguments = arguments }

    private struct Measured {
        var rate = 0.0
        var milliseconds: [Double] = []
    }

    func run() async throws {
        print(
            "durable submits per second, synchronous=FULL; medians of \(arguments.rounds) rounds of \(arguments.seconds) s"
        )
        var grouped: [Int: [Measured]] = [:]
        var single: [Double] = []
        var raw: [Int: [Double]] = [:]
        for _ in 0..<arguments.rounds {
            // Every variant once in a round, each on a fresh database, so that what the machine does meanwhile
            // happens to all of them.
            for batch in [1, 32] {
                raw[batch, default: []].append(
                    try RawLoop(directory: arguments.directory).run(seconds: arguments.seconds, batch: batch))
            }
            single.append(try await measure(writers: 64, batch: 1).rate)
            for count in writers { grouped[count, default: []].append(try await measure(writers: count, batch: 128)) }
        }
        print("  bare C API loop, batches of 32    ", Series.text(Series.median(raw[32] ?? [])))
        print("  bare C API loop, batches of 1     ", Series.text(Series.median(raw[1] ?? [])))
        print("  store, one commit a request, c=64 ", Series.text(Series.median(single)))
        for count in writers {
            let rounds = grouped[count] ?? []
            let rates = rounds.map(\.rate)
            let toSingle = Series.median(zip(rates, single).map { $0 / $1 })
            let toRaw = Series.median(zip(rates, raw[32] ?? []).map { $0 / $1 })
            let p50 = Series.median(rounds.map { Series.percentile(0.5, of: $0.milliseconds) })
            let p99 = Series.median(rounds.map { Series.percentile(0.99, of: $0.milliseconds) })
            print(
                "  store, group commit, c=\(count)", Series.text(Series.median(rates), width: 15 - "\(count)".count),
                "  x\(Series.text(toSingle, 2, width: 5)) of single, x\(Series.text(toRaw, 2, width: 5)) of raw 32,",
                "p50 \(Series.text(p50, 2, width: 5)) ms, p99 \(Series.text(p99, 2, width: 5)) ms")
        }
    }

    private func measure(writers: Int, batch: Int) async throws -> Measured {
        let shop = try await Workshop(in: arguments.directory, batch: batch)
        let start = Workshop.seconds
        let end = start + arguments.seconds
        let milliseconds = try await withThrowingTaskGroup(of: [Double].self) { group in
            for _ in 0..<writers {
                group.addTask {
                    var times: [Double] = []
                    var before = Workshop.seconds
                    while before < end {
                        guard case .created = try await shop.store.submit(shop.submission(shop.task())) else { break }
                        let after = Workshop.seconds
                        times.append((after - before) * 1000)
                        before = after
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let rate = Double(milliseconds.count) / (Workshop.seconds - start)
        await shop.close()
        return Measured(rate: rate, milliseconds: milliseconds)
    }
}
