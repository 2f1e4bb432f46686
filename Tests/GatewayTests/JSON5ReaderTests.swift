import Testing

@testable import Gateway

struct JSON5ReaderTests {
    private func read(_ text: String) throws(JSON5Fault) -> JSON5Value { try JSON5Reader.read(Array(text.utf8)) }

    private func members(_ text: String) throws -> [JSON5Member] {
        guard case .object(let members) = try read(text).content else { return [] }
        return members
    }

    private func number(_ text: String) -> JSON5Number? {
        guard let value = try? read(text), case .number(let number) = value.content else { return nil }
        return number
    }

    @Test func `reads what JSON5 adds to JSON`() throws {
        let text = """
            // a comment
            {
              plain: 'single \\'quotes\\'', /* another */
              "quoted": [1, 2, 3,],
              $odd_name1: { nested: null, },
              line: 'goes \\
            on',
            }
            """
        let found = try members(text)
        #expect(found.map(\.name) == ["plain", "quoted", "$odd_name1", "line"])
        guard case .text(let plain) = found[0].value.content, case .text(let line) = found[3].value.content else {
            Issue.record("both are text")
            return
        }
        #expect(plain == "single 'quotes'")
        #expect(line == "goes on")
    }

    @Test(arguments: [
        ("0x1F", 31), ("+7", 7), ("-3", -3), ("-0x10", -16), ("0", 0), ("9007199254740993", 9_007_199_254_740_993),
    ])
    func `whole numbers are exact`(text: String, value: Int) {
        #expect(number(text)?.whole == value)
    }

    @Test(arguments: [(".5", 0.5), ("5.", 5.0), ("-1e3", -1000.0), ("2.5E-1", 0.25), ("Infinity", Double.infinity)])
    func `other numbers are read as they are written`(text: String, value: Double) {
        #expect(number(text)?.double == value)
        #expect(number(text)?.whole == nil)
    }

    @Test(arguments: ["01", "1.2.3", "0x", "--1", "1e", "+", "0xG", "1_000"])
    func `what is no number is refused`(text: String) {
        #expect(throws: JSON5Fault.self) { try read(text) }
    }

    @Test func `every name and value knows its place`() throws {
        let found = try members("{\n  a: 1,\n\n    bc: [\n true],\n}")
        #expect(found[0].position == TextPosition(line: 2, column: 3))
        #expect(found[1].position == TextPosition(line: 4, column: 5))
        #expect(found[1].value.position == TextPosition(line: 4, column: 9))
        guard case .list(let items) = found[1].value.content else { return }
        #expect(items[0].position == TextPosition(line: 5, column: 2))
    }

    @Test func `comments above and behind belong to their member`() throws {
        let found = try members(
            """
            {
              // First line,
              // second line.
              a: 1, // behind
              b: 2,
            }
            """)
        #expect(found[0].comment == "First line, second line. behind")
        #expect(found[1].comment == "")
    }

    @Test(arguments: [
        ("{ a: 1 b: 2 }", 1, 8, "a comma or } should follow the value of a, not b"),
        ("{\n a: 1,\n a: 2 }", 3, 2, "a is given twice"),
        ("{ a: yes }", 1, 6, "yes is no value; text needs quotes"),
        ("{ a: 'x", 1, 6, "the text that begins here never ends"),
        ("{ a: 'x\n' }", 1, 6, "the text that begins here does not end on its line"),
        ("{ a 1 }", 1, 5, "a colon should follow a, not 1"),
        ("{ a: 1 } x", 1, 10, "more follows after the end of the settings"),
        ("{ a: [1, 2", 1, 11, "a comma or ] should follow, not the end"),
        ("{ /* never ends", 1, 3, "the comment never ends"),
        ("", 1, 1, "the text ends where a value should stand"),
    ])
    func `a fault says what is wrong and where`(text: String, line: Int, column: Int, message: String) {
        do throws(JSON5Fault) {
            _ = try read(text)
            Issue.record("it was read")
        } catch {
            #expect(error.position == TextPosition(line: line, column: column))
            #expect(error.message == message)
        }
    }

    @Test func `nesting is bounded`() {
        #expect(throws: JSON5Fault.self) { try read(String(repeating: "[", count: 10_000)) }
    }

    @Test func `no text makes it trap`() {
        var random = Numbers(state: 7)
        let alphabet = Array("{}[]:,'\"\\/*+-.0123456789abcxeEuInfityNa \n\t\u{C3}\u{A9}".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in alphabet.randomElement(using: &random)!
            }
            _ = try? JSON5Reader.read(bytes)
        }
    }
}

/// The same numbers on every run (SplitMix64).
struct Numbers: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ word >> 30) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ word >> 27) &* 0x94D0_49BB_1331_11EB
        return word ^ word >> 31
    }
}
