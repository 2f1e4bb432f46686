import Domain
import Foundation
import Testing

/// The arrows are told three times: to the compiler, to SQLite and to people.
@Suite struct StatesTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let ofCode = Set(
        TaskState.allCases.flatMap { state in state.next.map { "\(state.rawValue) --> \($0.rawValue)" } })

    @Test func `the drawing shows what the code allows`() throws {
        let text = try String(contentsOf: Self.root.appending(path: "docs/states.md"), encoding: .utf8)
        let drawn = text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { $0.contains(" --> ") && !$0.contains("[*]") }
        #expect(Set(drawn) == Self.ofCode)
        #expect(Set(drawn).count == drawn.count, "an arrow is drawn twice")
        for state in TaskState.allCases {
            #expect(text.contains("| `\(state.rawValue)` |"), "\(state) is not explained")
            #expect(text.contains("\(state.rawValue) --> [*]") == state.isFinal)
        }
    }

    @Test func `the database allows what the code allows`() throws {
        let folder = Self.root.appending(path: "migrations")
        let sql = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "sql" }
            .map { try String(contentsOf: $0, encoding: .utf8) }.joined()
        let insert = try #require(sql.range(of: "INSERT INTO arrows (state, next) VALUES"))
        let end = try #require(sql[insert.upperBound...].firstIndex(of: ";"))
        let rows = sql[insert.upperBound..<end].matches(of: /\('(\w+)', '(\w+)'\)/)
        #expect(Set(rows.map { "\($0.output.1) --> \($0.output.2)" }) == Self.ofCode)
    }
}
