/// A customer: a wallet, keys, and what it may do.
package struct Account: Hashable, Sendable {
    package let id: AccountID
    package let name: String
    package let createdAt: Instant
    package var disabledAt: Instant?
    package var limits: AccountLimits

    package init(
        id: AccountID, name: String, createdAt: Instant, disabledAt: Instant? = nil, limits: AccountLimits = .init()
    ) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.disabledAt = disabledAt
        self.limits = limits
    }
}

/// What an operator set for one account; nil means the config's own figure.
package struct AccountLimits: Hashable, Sendable {
    package var requestsPerMinute: Int?
    package var concurrentTasks: Int?
    /// nil: every enabled provider.
    package var providers: [ProviderID]?
    /// `wallet.low` is announced when the balance falls below it.
    package var lowBalance: Credits?

    package init(
        requestsPerMinute: Int? = nil, concurrentTasks: Int? = nil, providers: [ProviderID]? = nil,
        lowBalance: Credits? = nil
    ) {
        self.requestsPerMinute = requestsPerMinute
        self.concurrentTasks = concurrentTasks
        self.providers = providers
        self.lowBalance = lowBalance
    }
}

/// What an account has: to spend, held for work under way, and spent for good.
package struct Wallet: Hashable, Sendable {
    package let balance: Credits
    package let held: Credits
    package let spent: Credits

    package init(balance: Credits, held: Credits, spent: Credits) {
        self.balance = balance
        self.held = held
        self.spent = spent
    }
}
