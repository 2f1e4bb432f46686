import Testing

@testable import Store

/// What works on a small table may walk through a whole ledger on a large one, and no test with ten rows sees it: so
/// SQLite is asked, for every statement of the engine's source, how it would go about it.
@Suite struct PlansTests {
    /// Tables with a row for an account, a key or a provider; they are read whole at start.
    static let small: Set = ["api_keys", "ledger_accounts", "provider_states", "webhook_secrets"]

    /// Walks that are meant.
    static let meant: Set = [
        // Indexes of what is not finished, however much is.
        "SCAN slots USING INDEX slots_submitting",
        "SCAN tasks USING INDEX tasks_by_deadline",
        "SCAN deliveries USING INDEX deliveries_by_age",
        // The files that are kept, once a day.
        "SCAN inputs USING INDEX inputs_by_file",
        // Newest first, with a LIMIT.
        "SCAN tasks USING COVERING INDEX sqlite_autoindex_tasks_1",
        "SCAN postings",
        // What a subquery found, which has a LIMIT or an index itself.
        "SCAN t",
    ]

    @Test func `no statement walks through a table that grows`() async throws {
        try await Shop.with { shop in
            var statements = 0
            for (file, text) in SourceText.store where file != "Schema.swift" {
                for sql in Self.statements(in: text) {
                    statements += 1
                    let walks = try await Self.plan(of: sql, in: shop).filter { !Self.isMeant($0, in: sql) }
                    #expect(walks.isEmpty, "\(file): \(sql)")
                }
            }
            #expect(statements > 120)
        }
    }

    private static func plan(of sql: String, in shop: Shop) async throws -> [String] {
        try await shop.store.readers.read { database in
            try database.all(composed: "EXPLAIN QUERY PLAN \(sql)") { row in
                _ = (row.int(), row.int(), row.int())
                return row.text()
            }
        }
    }

    private static func isMeant(_ step: String, in sql: String) -> Bool {
        guard step.hasPrefix("SCAN "), !step.hasPrefix("SCAN (subquery"), step != "SCAN CONSTANT ROW" else {
            return true
        }
        if small.contains(String(step.split(separator: " ")[1])) { return true }
        return meant.contains(step) && (step != "SCAN postings" || sql.contains("LIMIT 1"))
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
