import Domain
import Testing

@testable import Work

@Suite struct AttemptTokenTests {
    private let task = TaskID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0001)
    private let other = TaskID(high: 0x0199_0000_0000_7000, low: 0x8000_0000_0000_0002)

    /// Not a hash: each byte of the text counts towards one of the digest's.
    private let token = AttemptToken { text in
        var digest = [UInt8](repeating: 0x5A, count: 32)
        for (place, byte) in text.enumerated() { digest[place % 16] = digest[place % 16] &* 31 &+ byte }
        return digest
    }

    @Test func `the same attempt has the same token, in this run and the next`() {
        #expect(token(task, 0, 1) == token(task, 0, 1))
    }

    @Test func `task, slot and number each make another`() {
        let tokens = [
            token(task, 0, 1), token(task, 0, 2), token(task, 1, 1), token(other, 0, 1), token(task, 1, 12),
            token(task, 11, 2),
        ]
        #expect(Set(tokens).count == tokens.count)
    }

    @Test func `what is signed names task, slot and number, with something between them`() {
        let echo = AttemptToken { text in
            #expect(String(decoding: text, as: UTF8.self) == "\(task) 11 2")
            return Array(repeating: 0, count: 16)
        }
        #expect(echo(task, 11, 2) == "00000000-0000-4000-8000-000000000000")
    }

    /// Runware takes no other (RFC 9562 §5.4).
    @Test(arguments: [UInt8(0), 0x0F, 0xF0, 0xFF, 0xA5])
    func `whatever the digest, it is a version 4 UUID`(byte: UInt8) throws {
        let text = AttemptToken { _ in Array(repeating: byte, count: 32) }(task, 0, 1)
        #expect(text.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
    }

    @Test func `a digest of other bytes is another token, for every byte but the last two bits`() {
        let plain = AttemptToken { _ in Array(repeating: 0, count: 16) }(task, 0, 1)
        // The high nibble of the seventh byte gives way to the version, the low two bits of the last to the variant.
        for place in 0..<16 {
            let changed = AttemptToken { _ in (0..<16).map { $0 == place ? 0x0C : 0 } }(task, 0, 1)
            #expect(changed != plain, "byte \(place)")
        }
    }
}
