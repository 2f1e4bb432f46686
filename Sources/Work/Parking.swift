import Domain
import Store

/// Slots that wait for a place at providers that are full, so that a free place is taken at once and without
/// another look at the queue. Their rows say "later", so nothing is lost when this is: it is memory only, and
/// small.
struct Parking: Sendable {
    private var groups: [Set<ProviderID>: [AccountID: [DueSlot]]] = [:]
    private var known: Set<SlotKey> = []
    private let limit: Int
    private let perAccount: Int

    init(limit: Int = 1000, perAccount: Int = 100) {
        self.limit = limit
        self.perAccount = perAccount
    }

    var count: Int { known.count }

    /// False if there is no room: then only its row remembers it.
    mutating func park(_ due: DueSlot, for providers: Set<ProviderID>) -> Bool {
        if known.contains(due.key) { return true }
        let account = due.task.account
        guard known.count < limit, groups[providers]?[account]?.count ?? 0 < perAccount else { return false }
        groups[providers, default: [:]][account, default: []].append(due)
        known.insert(due.key)
        return true
    }

    /// Takes up to `limit` slots that at least one of `ready` could have: first of the accounts that have the
    /// least under way, each in the order it came.
    mutating func take(
        _ limit: Int, for ready: Set<ProviderID>, load: (AccountID) -> Int
    ) -> [DueSlot] {
        var taken: [DueSlot] = []
        var loads: [AccountID: Int] = [:]
        while taken.count < limit {
            var best: (group: Set<ProviderID>, account: AccountID, load: Int)?
            for (group, accounts) in groups where !group.isDisjoint(with: ready) {
                for account in accounts.keys {
                    let weight = loads[account] ?? load(account)
                    loads[account] = weight
                    if best.map({ (weight, account) < ($0.load, $0.account) }) ?? true {
                        best = (group, account, weight)
                    }
                }
            }
            guard let best, let due = removeFirst(best.group, best.account) else { break }
            loads[best.account] = best.load + 1
            taken.append(due)
        }
        return taken
    }

    /// A slot is no longer waiting, whatever became of it.
    mutating func forget(_ key: SlotKey) {
        guard known.remove(key) != nil else { return }
        for (group, accounts) in groups {
            for (account, slots) in accounts {
                guard let index = slots.firstIndex(where: { $0.key == key }) else { continue }
                set(slots[..<index] + slots[(index + 1)...], group, account)
                return
            }
        }
    }

    private mutating func removeFirst(_ group: Set<ProviderID>, _ account: AccountID) -> DueSlot? {
        guard let slots = groups[group]?[account], let first = slots.first else { return nil }
        known.remove(first.key)
        set(slots.dropFirst(), group, account)
        return first
    }

    private mutating func set(_ slots: ArraySlice<DueSlot>, _ group: Set<ProviderID>, _ account: AccountID) {
        groups[group]?[account] = slots.isEmpty ? nil : Array(slots)
        if groups[group]?.isEmpty == true { groups[group] = nil }
    }
}
