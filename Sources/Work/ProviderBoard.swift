import Domain
import Synchronization

/// The standing of every provider, shared by all loops. It outlives changes of the config, so that reloading
/// forgets neither what runs nor what failed.
package final class ProviderBoard: Sendable {
    fileprivate struct State {
        var standings: [ProviderID: Standing] = [:]
        /// The measured durations once more, by themselves: each status read asks for one, and a standing is much to
        /// copy for it.
        var usual: [ProviderID: [RequestKind: Duration]] = [:]
        /// Who has which slot: from every commit, so that it is right whoever changed it.
        var places: [SlotKey: Place] = [:]
        var accounts: [AccountID: Int] = [:]
        /// Slots that are still in the queue while their place is being taken.
        var reserved: Set<SlotKey> = []
    }

    fileprivate struct Place: Hashable {
        let provider: ProviderID
        let account: AccountID
    }

    private let state = Mutex(State())

    package init() {}

    /// Sets what the config says of `provider` and keeps what is known of it. Without `keepsBreakers` they start anew:
    /// whoever changed how it is called may have mended what they opened for.
    package func configure(_ provider: ProviderID, _ fresh: Standing, keepsBreakers: Bool = false) {
        state.withLock { state in
            var fresh = fresh
            if let old = state.standings[provider] {
                fresh.override = old.override
                fresh.inFlight = old.inFlight
                fresh.durations = old.durations
                (fresh.lastFault, fresh.lastFaultAt) = (old.lastFault, old.lastFaultAt)
                var gate = old.gate
                gate.setRate(fresh.gate.rate)
                fresh.gate = gate
                // Another key or address, or another measure of failure, deserves a try; else an open breaker stays so.
                if keepsBreakers, fresh.breaker == old.breaker { (fresh.door, fresh.kinds) = (old.door, old.kinds) }
            }
            state.standings[provider] = fresh
        }
    }

    package func setOverride(_ enabled: Bool?, of provider: ProviderID) {
        change(provider) { $0.override = enabled }
    }

    /// Whoever looks after it says that it is well: what it did before is not held against it.
    package func forgive(_ provider: ProviderID) {
        change(provider) { $0.forgive() }
    }

    package func standings() -> [ProviderID: Standing] { state.withLock { $0.standings } }

    package subscript(_ provider: ProviderID) -> Standing? { state.withLock { $0.standings[provider] } }

    package func isOn(_ provider: ProviderID) -> Bool { state.withLock { $0.standings[provider]?.isOn == true } }

    /// Jobs that could be begun now at any provider that is on and well.
    package func freePlaces(at now: Instant) -> Int {
        state.withLock { state in
            state.standings.values.reduce(0) { sum, standing in
                sum + (standing.hasRoom(at: now) ? standing.concurrency - standing.inFlight : 0)
            }
        }
    }

    /// When a provider that is not full lets calls through again, as far as the clock decides it.
    package func nextOpening(after now: Instant) -> Instant? {
        state.withLock { state in
            state.standings.values.compactMap { $0.opening(after: now) }.min()
        }
    }

    /// Whether any provider is out, so that tasks may be waiting for nobody.
    package func isOut(at now: Instant) -> Bool {
        state.withLock { $0.standings.values.contains { $0.isOut(at: now) } }
    }

    /// Jobs an account has at providers.
    package func load(of account: AccountID) -> Int { state.withLock { $0.accounts[account, default: 0] } }

    package func change(_ provider: ProviderID, _ body: (inout Standing) -> Void) {
        state.withLock { state in
            if state.standings[provider] != nil { body(&state.standings[provider]!) }
            let durations = state.standings[provider]?.durations ?? [:]
            state.usual[provider] = durations.isEmpty ? nil : durations.compactMapValues(\.median)
        }
    }

    /// How long such a job takes at `provider`: as measured, else nil.
    package func usual(_ kind: RequestKind, at provider: ProviderID) -> Duration? {
        state.withLock { $0.usual[provider]?[kind] }
    }

    /// Takes a place at `provider` if it can be had this very moment.
    package func reserve(
        _ provider: ProviderID, for slot: DueSlotIdentity, kind: RequestKind, at now: Instant
    ) -> Bool {
        state.withLock { state in
            guard state.standings[provider]?.obstacle(for: kind, at: now) == nil, state.standings[provider] != nil
            else { return false }
            state.standings[provider]?.begin(kind, at: now)
            state.set(Place(provider: provider, account: slot.account), for: slot.key)
            state.reserved.insert(slot.key)
            return true
        }
    }

    /// Gives back a place whose submit never went.
    package func release(_ key: SlotKey, _ kind: RequestKind) {
        state.withLock { state in
            state.reserved.remove(key)
            guard let place = state.places[key] else { return }
            state.standings[place.provider]?.cancel(kind)
            state.set(nil, for: key)
        }
    }

    /// Takes the commits' word for who has what. True if a place became free.
    package func observe(_ task: GenerationTask) -> Bool {
        state.withLock { state in
            var freed = false
            for slot in task.slots {
                let key = SlotKey(task.id, slot.index)
                switch slot.state {
                case .submitting, .unknown, .running:
                    // The attempt is a row: from here on the commits alone tell who has the place.
                    state.reserved.remove(key)
                    if let provider = slot.attempt?.provider {
                        state.set(Place(provider: provider, account: task.account), for: key)
                    }
                case .queued, .fetching, .finished, .failed, .canceled, .expired:
                    if state.places[key] != nil, !state.reserved.contains(key) {
                        state.set(nil, for: key)
                        freed = true
                    }
                }
            }
            return freed
        }
    }
}

/// Whose slot it is.
package struct DueSlotIdentity: Hashable, Sendable {
    package let key: SlotKey
    package let account: AccountID

    package init(key: SlotKey, account: AccountID) {
        self.key = key
        self.account = account
    }
}

extension ProviderBoard.State {
    fileprivate mutating func set(_ place: ProviderBoard.Place?, for key: SlotKey) {
        let old = places[key]
        guard old != place else { return }
        if let old {
            standings[old.provider]?.inFlight -= 1
            accounts[old.account, default: 0] -= 1
            if accounts[old.account] == 0 { accounts[old.account] = nil }
        }
        if let place {
            standings[place.provider]?.inFlight += 1
            accounts[place.account, default: 0] += 1
        }
        places[key] = place
    }
}

extension ProviderBoard {
    /// Takes one call for a look; nil if it may go, else when one may.
    package func takeLook(_ provider: ProviderID, at now: Instant) -> Instant? {
        state.withLock { state in
            guard state.standings[provider] != nil else { return nil }
            if let until = state.standings[provider]?.gate.obstacle(at: now) { return until }
            state.standings[provider]?.gate.take(at: now)
            return nil
        }
    }
}
