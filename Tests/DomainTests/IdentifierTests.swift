import Domain
import Testing

@Suite struct IdentifierTests {
    @Test func `an id is a version 7 UUID of its moment`() throws {
        let now = Instant(milliseconds: 1_760_000_000_123)
        let id = TaskID.new(at: now)
        let text = Array(id.description)
        #expect(text.count == 36)
        #expect(text[14] == "7")
        #expect("89ab".contains(text[19]))
        #expect(id.createdAt == now)
        #expect(TaskID(id.description) == id)
        #expect(TaskID(id.description.uppercased()) == id)
        #expect(TaskID(bytes: id.bytes) == id)
    }

    @Test func `later ids sort after earlier ones, as text and as bytes`() {
        let ids = (0..<100).map { TaskID.new(at: Instant(milliseconds: 1_760_000_000_000 + Int64($0))) }
        #expect(ids == ids.sorted())
        #expect(ids.map(\.description) == ids.map(\.description).sorted())
        #expect(zip(ids, ids.dropFirst()).allSatisfy { $0.bytes.lexicographicallyPrecedes($1.bytes) })
    }

    @Test(arguments: [
        "", "0b6c2f0e-7f5a-4a55-9d5b-2f8e3e1c9a1", "0b6c2f0e-7f5a-4a55-9d5b-2f8e3e1c9a100",
        "0b6c2f0e_7f5a-4a55-9d5b-2f8e3e1c9a10", "0b6c2f0g-7f5a-4a55-9d5b-2f8e3e1c9a10",
        "{b6c2f0e-7f5a-4a55-9d5b-2f8e3e1c9a1}", "0b6c2f0e-7f5a-4a55-9d5b-2f8e3e1c9a1é",
    ])
    func `nothing else is an id`(text: String) {
        #expect(TaskID(text) == nil)
    }
}

@Suite struct InstantTests {
    @Test(arguments: [
        (0, "1970-01-01T00:00:00Z"), (951_782_400_000, "2000-02-29T00:00:00Z"),
        (1_760_000_000_123, "2025-10-09T08:53:20.123Z"), (-1, "1969-12-31T23:59:59.999Z"),
        (4_102_444_799_000, "2099-12-31T23:59:59Z"),
    ])
    func `writes and reads RFC 3339`(milliseconds: Int64, text: String) {
        #expect(Instant(milliseconds: milliseconds).description == text)
        #expect(Instant(rfc3339: text)?.milliseconds == milliseconds)
    }

    @Test func `reads offsets and long fractions`() {
        #expect(Instant(rfc3339: "2025-10-09T10:53:20.123456+02:00")?.milliseconds == 1_760_000_000_123)
        #expect(Instant(rfc3339: "2025-10-09 08:53:20z")?.milliseconds == 1_760_000_000_000)
    }

    @Test(arguments: [
        "", "2025-10-09", "2025-13-09T00:00:00Z", "2025-10-09T24:00:00Z", "2025-10-09T00:00:00", "x",
        "2025-02-29T00:00:00Z", "2025-04-31T00:00:00Z",
    ])
    func `refuses what is no moment`(text: String) {
        #expect(Instant(rfc3339: text) == nil)
    }
}

@Suite struct KeyTokenTests {
    @Test func `a token carries its own checksum`() {
        var random = SystemRandomNumberGenerator()
        for scope in Scope.allCases {
            let token = Array(KeyToken.make(scope, random: &random).utf8)
            #expect(token.count == KeyToken.length)
            #expect(token.withUnsafeBufferPointer(KeyToken.isWellFormed))
            for index in token.indices {
                var wrong = token
                wrong[index] = wrong[index] == UInt8(ascii: "x") ? UInt8(ascii: "y") : UInt8(ascii: "x")
                #expect(!wrong.withUnsafeBufferPointer(KeyToken.isWellFormed))
            }
            #expect(!token.dropLast().withUnsafeBufferPointer(KeyToken.isWellFormed))
        }
    }

    @Test func `the checksum is zlib's CRC-32`() {
        #expect(Array("123456789".utf8).withUnsafeBufferPointer(CRC32.of) == 0xCBF4_3926)
    }
}
