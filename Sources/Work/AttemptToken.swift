import Domain

/// An attempt's name towards its provider, and the secret in its callback's address: a UUID that
/// nobody can guess without the gateway's own key.
///
/// It follows from the task, the slot and the attempt's number. So a database that was put back to an earlier day and
/// sends an attempt again says the same name, and a provider that knows our names does not sell it twice.
package struct AttemptToken: Sendable {
    private let sign: @Sendable ([UInt8]) -> [UInt8]

    /// `sign` is a keyed hash of at least 16 bytes.
    package init(sign: @escaping @Sendable ([UInt8]) -> [UInt8]) { self.sign = sign }

    package func callAsFunction(_ task: TaskID, _ slot: Int, _ number: Int) -> String {
        let digest = sign(Array("\(task) \(slot) \(number)".utf8))
        func word(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        // Version 4 in its looks: some providers take no other (RFC 9562 §5.4).
        let high = word(digest[0..<8]) & ~0xF000 | 0x4000
        let low = word(digest[8..<16]) >> 2 | 0x8000_0000_0000_0000
        return Identifier<Attempt>(high: high, low: low).description
    }
}
