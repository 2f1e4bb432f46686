import Domain
import Testing

@testable import Store

@Suite struct SchemaTests {
    @Test func `the arrows in the schema are those of the machine`() async throws {
        try await Shop.with { shop in
            let arrows = try await shop.store.readers.read { database in
                try database.all("SELECT state, next FROM arrows") { row in [row.text(), row.text()] }
            }
            let domain = TaskState.allCases.flatMap { state in state.next.map { [state.rawValue, $0.rawValue] } }
            #expect(Set(arrows) == Set(domain))
        }
    }

    @Test func `SQL refuses every move that is not an arrow`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            let attempt = shop.attempt()
            _ = try await shop.store.apply(
                .began(attempt), to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
            await shop.store.close()
            let database = try Database(path: shop.directory + "/gateway.db", role: .copier)
            for from in TaskState.allCases {
                for to in TaskState.allCases where to != from {
                    try database.execute("BEGIN; DROP TRIGGER slots_follow_arrows")
                    try database.execute("UPDATE slots SET " + Self.columns(from))
                    try database.execute(try #require(Self.trigger))
                    let isAllowed = (try? database.execute("UPDATE slots SET " + Self.columns(to))) != nil
                    #expect(isAllowed == from.canBecome(to), "\(from) to \(to)")
                    try database.execute("ROLLBACK")
                }
            }
        } then: {
            try await $0.reopened()
        }
    }

    /// The trigger as the migration has it.
    private static var trigger: String? {
        let text = SourceText.read(SourceText.root + "/migrations/0002_tasks.sql")
        guard let start = text.range(of: "CREATE TRIGGER slots_follow_arrows")?.lowerBound,
            let end = text[start...].range(of: "END;")?.upperBound
        else { return nil }
        return String(text[start..<end])
    }

    private static func columns(_ state: TaskState) -> String {
        let isFailure = state.isFinal && state != .finished
        let due = state.isFinal || state == .submitting ? "NULL" : "1"
        return """
            state = '\(state.rawValue)', due_at = \(due), failure_code = \(isFailure ? "'x'" : "NULL"),
            failure_message = \(isFailure ? "'y'" : "NULL")
            """
    }

    @Test(arguments: [
        "UPDATE tasks SET state = 'done'", "UPDATE tasks SET state = 'finished', progress = 100",
        "UPDATE tasks SET finished_at = 1", "UPDATE tasks SET progress = 101", "UPDATE tasks SET progress = 100",
        "UPDATE tasks SET progress = 'half'", "DELETE FROM tasks", "DELETE FROM accounts",
        "UPDATE slots SET state = 'running'", "UPDATE slots SET due_at = NULL",
        "UPDATE slots SET model_credits = 9007199254740992",
        "UPDATE accounts SET open_tasks = -1", "UPDATE api_keys SET scope = 'root'",
        "INSERT INTO slots (task, slot, account, priority, state, seed, model_credits) SELECT task, 1, account, 0, 'failed', 1, 1 FROM slots",
        "INSERT INTO assets (task, slot, kind, sha256, bytes, content_type) SELECT zeroblob(16), 0, 'model', 'ab', 1, 'x'",
        "DELETE FROM audit", "UPDATE audit SET actor = 'nobody'",
    ])
    func `the schema itself refuses what cannot be`(sql: String) async throws {
        try await Shop.with { shop in
            try await shop.submit(shop.task())
            try await shop.store.recordAudit(actor: "ops", act: "look", subject: "x", detail: "", now: Shop.start)
            #expect(throws: SQLiteFault.self) { try shop.sqlite(sql) }
        }
    }

    /// Each column in each of its two ways, for each state.
    @Test func `a row has what belongs to its state, and nothing else`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            _ = try await shop.store.apply(
                .began(shop.attempt()), to: .init(task: task.id, slot: 0, attempt: nil), at: Shop.start)
            await shop.store.close()
            let database = try Database(path: shop.directory + "/gateway.db", role: .copier)
            func isTaken(_ change: String) throws -> Bool {
                // What a state may follow is the triggers' matter.
                try database.execute("BEGIN; DROP TRIGGER slots_follow_arrows")
                defer { _ = try? database.execute("ROLLBACK") }
                return (try? database.execute(change)) != nil
            }
            func set(_ column: String, _ isSet: Bool, _ value: String) -> String {
                "\(column) = \(isSet ? value : "NULL")"
            }
            for state in TaskState.allCases {
                let isFailure = state.isFinal && state != .finished
                for bits in 0..<8 {
                    let (first, failed, third) = (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0)
                    let failure = "\(set("failure_code", failed, "'x'")), \(set("failure_message", failed, "'y'"))"
                    let task = try isTaken(
                        """
                        UPDATE tasks SET state = '\(state.rawValue)', \(failure), \(set("finished_at", first, "1")),
                               progress = \(third ? 100 : 50)
                        """)
                    #expect(
                        task == (first == state.isFinal && failed == isFailure && third == (state == .finished)),
                        "a task \(state), \(bits)")
                    let slot = try isTaken(
                        """
                        UPDATE slots SET state = '\(state.rawValue)', \(failure), \(set("due_at", first, "1")),
                               \(third ? "attempt = attempt" : "attempt = NULL")
                        """)
                    let isDue = state.isFinal ? !first : first || state == .submitting
                    let wasTried = third || state == .queued || isFailure
                    #expect(slot == (isDue && wasTried && failed == isFailure), "a slot \(state), \(bits)")
                }
            }
        } then: {
            try await $0.reopened()
        }
    }

    @Test func `an ended task cannot begin again`() async throws {
        try await Shop.with { shop in
            let task = try await shop.submit(shop.task())
            try await shop.finish(task.id)
            #expect(throws: SQLiteFault.self) {
                try shop.sqlite("UPDATE tasks SET state = 'running', finished_at = NULL, progress = 1")
            }
        }
    }
}

extension String {
    /// Where `part` first stands; without Foundation.
    func range(of part: String) -> Range<String.Index>? { self[...].range(of: part) }
}

extension Substring {
    func range(of part: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}
