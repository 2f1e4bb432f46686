import Foundation

/// Data that tests of several rooms share: the files under Tests/corpora, found beside this source file.
package enum Corpus {
    package static func bytes(_ name: String, here: StaticString = #filePath) throws -> [UInt8] {
        let tests = URL(fileURLWithPath: "\(here)").deletingLastPathComponent().deletingLastPathComponent()
        return [UInt8](try Data(contentsOf: tests.appendingPathComponent("corpora/\(name)")))
    }

    package static func lines(_ name: String) throws -> [[UInt8]] {
        try bytes(name).split(separator: UInt8(ascii: "\n")).map { Array($0) }
    }

    /// Corpus lines hold raw bytes as Latin-1 text: one character, one byte.
    package static func latin1(_ text: String) -> [UInt8] {
        text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }
}
