import API

/// Tells the log when something keeps the gateway from taking work, and when it no longer does: whoever reads the log
/// in the morning did not ask `/readyz` at night, and a refused request is told without its reason.
struct ReadinessWatch: Sendable {
    let log: Log
    let problems: @Sendable () -> [Problem]

    /// Between two looks: a disk fills, and a breaker opens, over seconds.
    private static let pause = Duration.seconds(2)

    /// Runs until its task is canceled.
    func run() async {
        var known: Set<String> = []
        while !Task.isCancelled {
            known = tell(problems(), known: known)
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// Only what is new is told; the figures in a message change all the time.
    private func tell(_ problems: [Problem], known: Set<String>) -> Set<String> {
        // A stop is told as such.
        let problems = problems.filter { $0.check != "draining" }
        for problem in problems where !known.contains(problem.check) {
            log(.error, "not ready", ["check": .text(problem.check), "why": .text(problem.message)])
        }
        let now = Set(problems.map(\.check))
        for check in known.subtracting(now).sorted() { log(.info, "ready again", ["check": .text(check)]) }
        return now
    }
}
