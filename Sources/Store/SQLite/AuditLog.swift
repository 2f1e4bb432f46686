import Domain

// What operators did, as it is read.

extension SQLiteStore {
    package func audit(cursor: String?, limit: Int) async throws(StoreError) -> Page<AuditEntry> {
        let before = try cursor.map(Cursor.number) ?? .max
        return try await readers.read { database in
            let limit = Cursor.bounded(limit)
            let rows = try database.audit(before: before, limit: limit + 1)
            return Page(of: rows, limit: limit) { String($0.number) }
        }
    }
}

extension Database {
    fileprivate func audit(before: Int64, limit: Int) throws -> [AuditEntry] {
        try all(
            """
            SELECT number, at, actor, act, subject, detail
              FROM audit
             WHERE number < ?
             ORDER BY number DESC
             LIMIT ?
            """,
            {
                $0.bind(before)
                $0.bind(limit)
            }
        ) { row in
            AuditEntry(
                number: row.integer(), at: row.instant(), actor: row.text(), act: row.text(), subject: row.text(),
                detail: row.text())
        }
    }
}
