import Foundation
import Providers
import Testing

/// The tables in docs/providers.md are printed from the code: `RECORD=1 swift test --filter DocumentationTests` prints
/// them anew.
@Suite struct DocumentationTests {
    private static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("docs/providers.md")

    @Test func `the documented tables are the code's`() throws {
        var text = try String(contentsOf: Self.file, encoding: .utf8)
        for (name, table) in [("facts", PrintedTables.facts()), ("parameters", PrintedTables.parameters())] {
            let begin = try #require(text.range(of: "<!-- \(name): printed from code -->\n"))
            let end = try #require(text.range(of: "\n<!-- end of \(name) -->", range: begin.upperBound..<text.endIndex))
            if Fixture.isRecording {
                text.replaceSubrange(begin.upperBound..<end.lowerBound, with: table)
            } else {
                #expect(text[begin.upperBound..<end.lowerBound] == table, "print it anew: see this suite's comment")
            }
        }
        if Fixture.isRecording { try text.write(to: Self.file, atomically: true, encoding: .utf8) }
    }
}
