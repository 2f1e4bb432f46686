import Domain
import Synchronization

// What whoever runs the gateway does and asks.

extension SQLiteStore {
    package func providerStates() async throws(StoreError) -> [ProviderState] {
        try await readers.read { database in
            try database.all("SELECT provider, enabled FROM provider_states ORDER BY provider") { row in
                ProviderState(provider: ProviderID(row.text()), enabled: row.optional { $0.int() == 1 })
            }
        }
    }

    package func setProviderState(_ state: ProviderState, now: Instant) async throws(StoreError) {
        try await writer.write { transaction in
            try transaction.database.run(
                """
                INSERT INTO provider_states (provider, enabled, changed_at) VALUES (?, ?, ?)
                ON CONFLICT (provider) DO UPDATE SET enabled = excluded.enabled, changed_at = excluded.changed_at
                """
            ) {
                $0.bind(state.provider.rawValue)
                $0.bind(state.enabled.map { $0 ? 1 : 0 })
                $0.bind(now)
            }
            return
        }
    }

    package func recordAudit(
        actor: String, act: String, subject: String, detail: String, now: Instant
    ) async throws(StoreError) {
        try await writer.write { try $0.audit(actor: actor, act: act, subject: subject, detail: detail, at: now) }
    }

    /// Why nothing is bought, if a restored backup waits to be looked at.
    package var reconciling: String? { spending.reconciling }

    /// An operator has looked at a restored backup: buying goes on.
    package func endReconciliation(by actor: String, now: Instant) async throws(StoreError) {
        try await writer.write { [spending] transaction in
            try transaction.database.run("DELETE FROM meta WHERE name = 'reconcile'")
            try transaction.audit(actor: actor, act: "store.release", subject: "store", detail: "reconciled", at: now)
            transaction.afterCommit { spending.reconcile(nil) }
        }
    }

    package var isCrowded: Bool { writer.isCrowded }

    package var health: StoreHealth {
        StoreHealth(
            paused: spending.paused, sqliteVersion: SQLiteLibrary.version, hasWALResetBug: SQLiteLibrary.hasWALResetBug,
            walBytes: Int64(writer.walPages) * 4096, tasksByState: taskCounts.withLock { $0 }, commits: writer.commits,
            writes: writer.writes, reads: readers.count)
    }
}

extension Transaction {
    func audit(actor: String, act: String, subject: String, detail: String, at now: Instant) throws {
        try database.run("INSERT INTO audit (at, actor, act, subject, detail) VALUES (?, ?, ?, ?, ?)") {
            $0.bind(now)
            $0.bind(actor)
            $0.bind(act)
            $0.bind(subject)
            $0.bind(detail)
        }
    }
}

extension Database {
    func meta(_ name: String) throws -> String? {
        try one("SELECT value FROM meta WHERE name = ?", { $0.bind(name) }) { $0.text() }
    }

    func setMeta(_ name: String, _ value: String) throws {
        try run("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
        {
            $0.bind(name)
            $0.bind(value)
        }
    }

    /// One more start; answers which it is.
    func countBoot() throws -> Int64 {
        try one("UPDATE meta SET value = value + 1 WHERE name = 'boot' RETURNING value") { $0.integer() } ?? 1
    }
}
