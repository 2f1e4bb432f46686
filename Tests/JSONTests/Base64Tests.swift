import Foundation
import JSON
import Testing

@Suite struct `Base64 coding` {
    @Test func `agrees with Foundation at every length`() throws {
        var generator = SystemRandomNumberGenerator()
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Base64.encode(bytes)
            #expect(text == Data(bytes).base64EncodedString())
            #expect(Base64.decode(text) == bytes)
        }
    }

    @Test(arguments: [
        "A", "AA", "AAA", "AA=", "A===", "====", "AB==", "AAB=", "AA==AAAA", "AA=A", "A A=", "AA-_", "AAA\u{e9}", "\n",
        "=AAA",
    ])
    func `refuses what is not strictly base64`(text: String) {
        #expect(Base64.decode(text) == nil)
    }

    @Test func `passes over line breaks only where asked`() {
        #expect(Base64.decode("QU\r\nJD\n", space: .ignored) == Array("ABC".utf8))
        #expect(Base64.decode("QU\r\nJD\n") == nil)
        #expect(Base64.decode("QU*D", space: .ignored) == nil)
    }
}
