import Domain

/// The gateway's books without a database: tasks by the machine in Domain, money by the five verbs. What the store
/// must agree with, and what the invariants are tried on a hundred thousand times.
struct HouseModel {
    struct Refusal: Error {}

    struct Line: Hashable {
        let kind: Posting.Kind
        let wallet: AccountID
        let amount: Int64
        let charge: ChargeName?
    }

    struct ChargeName: Hashable {
        let task: TaskID
        let slot: Int
        let item: Charge.Item
    }

    private(set) var wallets: [AccountID: Int64] = [:]
    private(set) var issuer: Int64 = 0
    private(set) var escrow: Int64 = 0
    private(set) var revenue: Int64 = 0
    private(set) var lines: [Line] = []
    private(set) var tasks: [TaskID: GenerationTask] = [:]
    private(set) var ends: [TaskID: Int] = [:]
    private var held: [ChargeName: Int64] = [:]
    private var resolved: [ChargeName: Posting.Kind] = [:]

    mutating func grant(_ amount: Int64, to wallet: AccountID) {
        post(Line(kind: .grant, wallet: wallet, amount: amount, charge: nil))
    }

    mutating func submit(_ task: GenerationTask) throws {
        guard task.price.amount <= wallets[task.account, default: 0] else { throw Refusal() }
        tasks[task.id] = task
        for slot in task.slots { for charge in slot.charges { try move(.hold, charge, of: task) } }
    }

    /// A step of a task: its effects one by one. `crash` stops before the effect of that number, and nothing of the
    /// step is kept: the working copy is what a transaction is.
    mutating func apply(
        _ event: SlotEvent, to task: TaskID, slot: Int, attempt: AttemptID?, at now: Instant, crash: Int? = nil
    ) throws -> Int {
        guard var changed = tasks[task] else { throw Refusal() }
        let effects = try changed.apply(event, toSlot: slot, attempt: attempt, at: now)
        var work = self
        work.tasks[task] = changed
        for (index, effect) in effects.enumerated() {
            if crash == index { return effects.count }
            switch effect {
            case .settle(let charge): try work.move(.settle, charge, of: changed)
            case .refund(let charge): try work.move(.refund, charge, of: changed)
            case .announce(let kind): if kind != .taskStarted { work.ends[task, default: 0] += 1 }
            }
        }
        if crash == effects.count { return effects.count }
        self = work
        return effects.count
    }

    private mutating func move(_ kind: Posting.Kind, _ charge: Charge, of task: GenerationTask) throws {
        let name = ChargeName(task: task.id, slot: charge.slot, item: charge.item)
        switch kind {
        case .hold:
            guard held.updateValue(charge.amount.amount, forKey: name) == nil else { throw Refusal() }
        default:
            guard held[name] == charge.amount.amount, resolved.updateValue(kind, forKey: name) == nil else {
                throw Refusal()
            }
        }
        post(Line(kind: kind, wallet: task.account, amount: charge.amount.amount, charge: name))
    }

    private mutating func post(_ line: Line) {
        lines.append(line)
        switch line.kind {
        case .grant:
            issuer -= line.amount
            wallets[line.wallet, default: 0] += line.amount
        case .hold:
            wallets[line.wallet, default: 0] -= line.amount
            escrow += line.amount
        case .settle:
            escrow -= line.amount
            revenue += line.amount
        case .refund:
            escrow -= line.amount
            wallets[line.wallet, default: 0] += line.amount
        case .adjust: break
        }
    }

    /// Keeps the books and lets go of what has ended, so that a long run stays quick.
    mutating func forgetEnded() { tasks = tasks.filter { !$0.value.state.isFinal } }

    /// The first invariant that does not hold, or nil. `only`: the task that changed, when the rest was looked at.
    func violation(only: TaskID? = nil) -> String? {
        if issuer + escrow + revenue + wallets.values.reduce(0, +) != 0 { return "LG-1: not zero" }
        if escrow < 0 || revenue < 0 || wallets.values.contains(where: { $0 < 0 }) { return "LG-2: below zero" }
        for task in only.map({ [tasks[$0]].compactMap(\.self) }) ?? Array(tasks.values) {
            for slot in task.slots {
                for charge in slot.charges {
                    let name = ChargeName(task: task.id, slot: slot.index, item: charge.item)
                    guard held[name] == charge.amount.amount else { return "LG-4: \(name) is not held as charged" }
                    switch (slot.state.isFinal, slot.state == .finished, resolved[name]) {
                    case (false, _, nil), (true, true, .settle), (true, false, .refund): break
                    case (true, true, .refund) where charge.item == .thumbnail && slot.thumbnail == nil: break
                    default: return "LG-4: \(name) is \(slot.state) and \(String(describing: resolved[name]))"
                    }
                }
            }
            if task.state.isFinal != (ends[task.id] == 1) { return "\(task.id) ended \(ends[task.id] ?? 0) times" }
            if task.state.isFinal != (task.finishedAt != nil) { return "\(task.id) has the wrong end time" }
        }
        return nil
    }

    /// What the whole comes to from its lines alone (LG-5), and every charge resolved at most once (LG-3).
    func foldedViolation() -> String? {
        var (folded, seen): ([AccountID: Int64], Set<ChargeName>) = ([:], [])
        for line in lines {
            switch line.kind {
            case .grant, .refund: folded[line.wallet, default: 0] += line.amount
            case .hold: folded[line.wallet, default: 0] -= line.amount
            case .settle, .adjust: break
            }
            if line.kind == .settle || line.kind == .refund, let charge = line.charge, !seen.insert(charge).inserted {
                return "LG-3: \(charge) resolved twice"
            }
        }
        return folded == wallets ? violation() : "LG-5: balances are not the sum of their lines"
    }
}

/// Numbers from a seed, so that a run can be made again (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
