import Testing

@testable import Store

/// What works on a small table may walk through a whole ledger on a large one, and no test with ten rows sees it: so
/// SQLite is asked, for every statement in the engine's source, how it would go about it, foreign keys and all. (The
/// lists that are put together at run time are asked without their conditions.)
@Suite struct PlansTests {
    /// Tables with a row for an account, a key or a provider; they are read whole at start.
    static let small: Set = ["api_keys", "ledger_accounts", "provider_states", "webhook_secrets"]

    /// Walks that are meant, and a piece of the only statement that may do each.
    static let meant: [(step: String, statement: String)] = [
        // Indexes of what is not finished, however much is.
        ("SCAN slots USING INDEX slots_submitting", "attempts.boot < ?"),
        ("SCAN tasks USING INDEX tasks_by_deadline", "INDEXED BY tasks_by_deadline WHERE finished_at IS NULL"),
        ("SCAN deliveries USING COVERING INDEX deliveries_due", "SELECT (SELECT count(*)"),
        // The files that are kept, once a day.
        ("SCAN inputs USING INDEX inputs_by_file", "SELECT sha256 FROM inputs"),
        // Newest first, with a LIMIT.
        ("SCAN tasks USING COVERING INDEX sqlite_autoindex_tasks_1", "SELECT id FROM tasks"),
        ("SCAN postings", "ORDER BY sequence DESC LIMIT 1"),
        // Only while a foreign key is broken.
        ("SCAN postings", "INSERT INTO ledger_accounts"),
        // What a subquery found, which has a LIMIT itself.
        ("SCAN t", "LIMIT ?) AS t"),
    ]

    @Test func `no statement walks through a table that grows`() async throws {
        try await Shop.with { shop in
            await shop.store.close()
            let database = try Database(path: shop.directory + "/gateway.db", role: .copier)
            var statements = 0
            for (file, text) in SourceText.store where file != "Schema.swift" {
                for sql in Self.statements(in: text) {
                    statements += 1
                    let walks = try Self.plan(of: sql, in: database).filter { !Self.isMeant($0, in: sql) }
                    #expect(walks.isEmpty, "\(file): \(sql)")
                }
            }
            #expect(statements > 120)
        } then: {
            try await $0.reopened()
        }
    }

    private static func plan(of sql: String, in database: Database) throws -> [String] {
        try database.all(composed: "EXPLAIN QUERY PLAN \(sql)") { row in
            _ = (row.int(), row.int(), row.int())
            return row.text()
        }
    }

    private static func isMeant(_ step: String, in sql: String) -> Bool {
        guard step.hasPrefix("SCAN "), !step.hasPrefix("SCAN (subquery"), step != "SCAN CONSTANT ROW" else {
            return true
        }
        if small.contains(String(step.split(separator: " ")[1])) { return true }
        let words = sql.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return meant.contains { step == $0.step && words.contains($0.statement) }
    }

    private static func statements(in source: String) -> [String] {
        let literals =
            source.matches(of: /"""\n([^"]*)"""/).map(\.output.1)
            + source.matches(of: /"([A-Z]+ [^"\n]*)"/).map(\.output.1)
        return literals.map { String($0).replacing("\\\n", with: "\n") }.filter {
            $0.firstMatch(of: /^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\s/) != nil
        }
    }
}
