/// How far a job has come, from nothing but its plan and the time.
struct SandboxProgress: Hashable, Sendable {
    enum State: String, Sendable {
        case queued, running, finished, failed

        var hasEnded: Bool { self == .finished || self == .failed }
    }

    let state: State
    let percent: Int
    /// The stage it is in, as TRELLIS.2 has them.
    let stage: String

    /// Stages by the share of the time at which they end.
    private static let stages: [(end: Double, name: String)] = [
        (0.05, "queued"), (0.12, "preprocessing the picture"), (0.38, "sampling the sparse structure"),
        (0.70, "sampling the shape"), (0.90, "sampling the texture"), (1.0, "extracting the mesh"),
    ]

    init(of plan: SandboxPlan, at now: Int64) {
        let share = plan.length > 0 ? Double(now - plan.start) / Double(plan.length) : 1
        let stages = plan.textured ? Self.stages : Self.stages.filter { $0.name != "sampling the texture" }
        switch plan.mode {
        case .hang:
            (state, percent, stage) = (.running, min(95, max(1, Int(share * 20))), "sampling the shape")
        case .fail where share >= 0.6: (state, percent, stage) = (.failed, 60, "sampling the shape")
        case _ where share >= 1: (state, percent, stage) = (.finished, 100, "done")
        default:
            let name = stages.first { share < $0.end }?.name ?? "extracting the mesh"
            state = share < 0.05 ? .queued : .running
            percent = state == .queued ? 0 : min(99, max(1, Int(share * 100)))
            stage = name
        }
    }
}
