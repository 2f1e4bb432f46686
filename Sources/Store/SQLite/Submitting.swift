import Domain

// Submit: idempotency row, task, slots and holds in one savepoint. Whatever stands in its way is found before the
// first row is written, so a refusal leaves nothing, not even the key.

extension SQLiteStore {
    package func submit(_ submission: Submission) async throws(StoreError) -> SubmitOutcome {
        // Here, not on the writer's queue: it is the one part that need not be done one after the other.
        let request = submission.task.request.encoded()
        return try await writer.write { try $0.submit(submission, request: request) }
    }

    package func replay(
        _ key: IdempotencyKey, account: AccountID, now: Instant
    ) async throws(StoreError) -> Replay? {
        try await readers.read { database in
            try database.stored(key, account: account, now: now).flatMap { $0.isAlive ? $0.replay : nil }
        }
    }
}

extension Transaction {
    fileprivate func submit(_ submission: Submission, request: [UInt8]) throws -> SubmitOutcome {
        let task = submission.task
        let now = task.createdAt
        if let key = submission.idempotency {
            let found = try database.stored(key, account: task.account, now: now)
            if let found, found.isAlive { return .replayed(found.replay) }
            if found != nil { try forget(key, account: task.account) }
        }
        try spending.allowBuying()
        guard let customer = try database.customer(task.account) else { throw StoreError.notFound }
        guard customer.openTasks < submission.concurrentTasks else {
            return .tooManyTasks(limit: submission.concurrentTasks)
        }
        let price = task.price
        let balance = try database.standing(of: .wallet(task.account)).balance
        guard price <= balance else { return .insufficient(required: price, balance: balance) }
        if let cap = submission.spendCap, let spent = try spend(price, key: task.key, cap: cap) {
            return .capped(cap: cap, spent: spent)
        }
        try insert(task, request: request)
        for slot in task.slots {
            for charge in slot.charges { try hold(charge, of: task, at: now) }
        }
        if let key = submission.idempotency { try remember(key, submission) }
        let rest = balance - price
        if let mark = customer.lowBalance ?? submission.lowBalance, balance >= mark, rest < mark {
            try announce(
                .walletLow, of: .wallet(task.account, balance: rest, mark: mark), account: task.account, at: now)
        }
        return .created(balance: rest)
    }

    /// Counts `price` against the key's cap; answers what it had spent if that would be too much.
    private func spend(_ price: Credits, key: KeyID, cap: Credits) throws -> Credits? {
        let key = try database.budget(of: key)
        let changed = try database.run(
            "UPDATE api_keys SET spent = spent + ?1 WHERE id = ?2 AND spent + ?1 <= ?3 AND spend_cap IS NOT NULL"
        ) {
            $0.bind(price)
            $0.bind(key)
            $0.bind(cap)
        }
        if changed == 1 { return nil }
        return try database.one("SELECT spent FROM api_keys WHERE id = ?", { $0.bind(key) }) { $0.credits() } ?? .zero
    }

    func forget(_ key: IdempotencyKey, account: AccountID) throws {
        try database.run("DELETE FROM idempotency WHERE account = ? AND endpoint = ? AND key = ?") {
            $0.bind(account)
            $0.bind(key.endpoint)
            $0.bind(key.key)
        }
    }

    private func remember(_ key: IdempotencyKey, _ submission: Submission) throws {
        try database.run(
            """
            INSERT INTO idempotency (account, endpoint, key, fingerprint, task, answer, expires_at)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """
        ) {
            $0.bind(submission.task.account)
            $0.bind(key.endpoint)
            $0.bind(key.key)
            $0.bind(key.fingerprint)
            $0.bind(submission.task.id)
            $0.bind(submission.answer)
            $0.bind(key.expiresAt)
        }
    }
}

extension Database {
    /// The stored answer, and whether it still counts: a key outlives its time while its task is unfinished.
    func stored(
        _ key: IdempotencyKey, account: AccountID, now: Instant
    ) throws -> (replay: Replay, isAlive: Bool)? {
        try one(
            """
            SELECT fingerprint, task, answer,
                   expires_at > ? OR EXISTS (SELECT 1 FROM tasks WHERE id = idempotency.task AND finished_at IS NULL)
              FROM idempotency WHERE account = ? AND endpoint = ? AND key = ?
            """,
            {
                $0.bind(now)
                $0.bind(account)
                $0.bind(key.endpoint)
                $0.bind(key.key)
            }
        ) { row in
            let isSame = row.bytes() == key.fingerprint
            let answer = Replay.answer(task: try row.id(), body: row.bytes())
            return (isSame ? answer : .mismatch, row.int() == 1)
        }
    }

    fileprivate struct Customer {
        let openTasks: Int
        let lowBalance: Credits?
    }

    fileprivate func customer(_ id: AccountID) throws -> Customer? {
        try one("SELECT open_tasks, low_balance FROM accounts WHERE id = ?", { $0.bind(id) }) { row in
            Customer(openTasks: row.int(), lowBalance: row.optional { $0.credits() })
        }
    }
}
