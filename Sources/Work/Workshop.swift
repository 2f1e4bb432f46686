import Domain
import Files
import Store
import Synchronization

/// What every loop has at hand.
package final class Workshop: Sendable {
    package let store: any Store
    package let files: any Files
    package let wire: any Wire
    package let board = ProviderBoard()
    package let tally = Tally()
    package let pictures: Pictures
    package let clock: RunClock
    package let journal: Journal
    /// Which run of the gateway this is: attempts of older ones are orphans.
    package let boot: Int64
    package let token: AttemptToken
    private let state: Mutex<State>

    private struct State {
        var settings: WorkSettings
        var desks: [ProviderID: any Desk]
        /// The same by rank, as routing goes through them.
        var ranked: [any Desk] = []
        var isStopping = false
    }

    package init(
        store: any Store, files: any Files, wire: any Wire, pictures: Pictures, settings: WorkSettings,
        desks: [any Desk], clock: RunClock = .system(), journal: Journal, boot: Int64, token: AttemptToken
    ) {
        self.store = store
        self.files = files
        self.wire = wire
        self.pictures = pictures
        self.clock = clock
        self.journal = journal
        self.boot = boot
        self.token = token
        state = Mutex(State(settings: settings, desks: [:]))
        configure(settings, desks: desks)
    }

    package var settings: WorkSettings { state.withLock { $0.settings } }
    /// By itself, for it is asked at every look and the settings are much to copy.
    package var pace: Pace { state.withLock { $0.settings.pace } }

    package func desk(_ provider: ProviderID) -> (any Desk)? { state.withLock { $0.desks[provider] } }

    package var desks: [ProviderID: any Desk] { state.withLock { $0.desks } }

    /// What routing needs, by itself: it is done for every submit, and the settings are much to copy.
    var crossroads: (desks: [any Desk], routing: RoutingSettings, inline: Bool) {
        state.withLock { ($0.ranked, $0.settings.routing, $0.settings.inputs.inline) }
    }

    /// Takes a new configuration. A provider that is no longer in it, or no longer has a key, keeps the desk it had
    /// while jobs run there: they are followed to their end, but get no company.
    package func configure(_ settings: WorkSettings, desks: [any Desk]) {
        let (gone, known) = state.withLock { state in
            state.settings = settings
            let known = Set(desks.filter { state.desks[$0.id]?.isCalled(as: $0) == true }.map(\.id))
            let named = Set(desks.map(\.id))
            let gone = state.desks.keys.filter { !named.contains($0) }
            let keyless = desks.filter { !$0.hasKey && state.desks[$0.id]?.hasKey == true }.map(\.id)
            for desk in desks where !keyless.contains(desk.id) { state.desks[desk.id] = desk }
            state.ranked = state.desks.values.sorted { $0.rank < $1.rank }
            return (gone + keyless, known)
        }
        for desk in desks {
            board.configure(desk.id, desk.standing(settings), keepsBreakers: known.contains(desk.id))
        }
        for provider in gone { board.change(provider) { $0.isEnabled = false } }
    }

    /// From now on nothing new is sent.
    package func stop() { state.withLock { $0.isStopping = true } }

    package var isStopping: Bool { state.withLock { $0.isStopping } }

    /// What became of telling the store.
    package enum Recorded: Sendable {
        case changed(GenerationTask)
        case stale(GenerationTask)
        case failed(StoreError)
    }

    /// Tells the store what happened.
    ///
    /// What an upstream said exists nowhere else until this is done: with `persistently`, a store that is out of
    /// room or overloaded is asked again until it takes it or closes.
    package func record(
        _ event: SlotEvent, _ slot: SlotReference, persistently: Bool = false
    ) async -> Recorded {
        var wait = Duration.milliseconds(100)
        while true {
            do throws(StoreError) {
                switch try await store.apply(event, to: slot, at: clock.now()) {
                case .changed(let task): return .changed(task)
                case .stale(let task): return .stale(task)
                }
            } catch {
                switch error {
                case .diskFull, .overloaded, .paidWritesPaused:
                    guard persistently, !isStopping, (try? await Task.sleep(for: wait)) != nil else { break }
                    wait = min(wait * 2, .seconds(5))
                    continue
                default: break
                }
                journal.note(
                    .error, "could not record what happened", task: slot.task, ["error": "\(error)"])
                return .failed(error)
            }
        }
    }

    var verdict: Verdict {
        let settings = settings
        return Verdict(pace: settings.pace, maxAttempts: settings.routing.maxAttempts)
    }

    /// The job of an attempt under way.
    func job(_ due: DueSlot, _ attempt: Attempt) -> Job {
        let scale = pace.scale
        let age = attempt.acceptedAt.map { clock.now() - $0 } ?? .zero
        return Job(task: due.task, slot: due.slot, attempt: attempt, age: scale > 0 ? age / scale : age)
    }

    /// What trouble says about the provider itself, beyond the one slot.
    func learn(
        _ trouble: Trouble, _ evidence: Evidence, from provider: ProviderID, kind: RequestKind, task: TaskID,
        bySubmit: Bool
    ) {
        let now = clock.now()
        let pace = settings.pace
        tally.fault(provider, evidence.fault)
        board.change(provider) { standing in
            (standing.lastFault, standing.lastFaultAt) = (evidence, now)
            switch trouble {
            case .input, .disputed:
                standing.kinds[kind]?.cancel()
                if bySubmit { standing.door.succeed(at: now) }
            case .account:
                if bySubmit { standing.cancel(kind) }
                standing.door.trip(at: now, because: evidence.message)
            case .busy(let wait):
                if bySubmit { standing.cancel(kind) }
                standing.gate.pause(at: now, for: wait.map(pace.wait), unit: pace.wait(.seconds(2)))
            // Looks are many and cheap: whether work can be had there is what submits find out.
            case .unreachable, .unknown:
                guard bySubmit else { break }
                if trouble == .unreachable { standing.cancel(kind) }
                standing.door.fail(at: now, because: evidence.message)
            case .generation:
                if bySubmit { standing.door.succeed(at: now) }
                standing.generationFailed(kind, because: evidence.message, at: now)
            }
        }
        let level: Journal.Level = trouble == .account ? .error : .warning
        journal.note(
            level, trouble == .disputed ? "provider disputes a request our table let through" : "provider trouble",
            task: task,
            [
                "provider": provider.rawValue, "fault": evidence.fault, "said": evidence.message,
                "status": evidence.status.map(String.init) ?? "none",
            ])
    }

    /// A late job or result: told to nobody but the operator.
    package func keepLate(_ handle: UpstreamHandle?, _ evidence: Evidence, attempt: AttemptID, task: TaskID) async {
        tally.late()
        journal.note(.warning, "came too late", task: task, ["what": evidence.fault])
        if let handle { try? await store.keepHandle(handle, attempt: attempt, now: clock.now()) }
        try? await store.keepLate(evidence, attempt: attempt, now: clock.now())
    }
}
