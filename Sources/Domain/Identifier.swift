/// A 128-bit name for a thing, time-ordered (UUID version 7, RFC 9562 §5.7), so that rows made
/// together lie together in an index. `Thing` is only a label: a task's id is not an account's.
package struct Identifier<Thing>: Hashable, Sendable, Comparable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new id at `now`: 48 bits of milliseconds, then 74 random bits.
    package init(at now: Instant, random: inout some RandomNumberGenerator) {
        high = UInt64(bitPattern: now.milliseconds) << 16 | 0x7000 | UInt64.random(in: 0...0xFFF, using: &random)
        low = 0x8000_0000_0000_0000 | (random.next() >> 2)
    }

    package static func new(at now: Instant) -> Self {
        var random = SystemRandomNumberGenerator()
        return Self(at: now, random: &random)
    }

    /// The random half is enough to spread them, and a table of tasks is asked at each status read.
    package func hash(into hasher: inout Hasher) { hasher.combine(low) }

    package static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    /// The moment in the id, as precise as the id is.
    package var createdAt: Instant { Instant(milliseconds: Int64(high >> 16)) }
}

extension Identifier: LosslessStringConvertible {
    /// Reads the 36-character form, either case. Nothing else is an id.
    package init?(_ description: String) {
        var text = description
        guard let id = text.withUTF8({ Self(utf8: $0) }) else { return nil }
        self = id
    }

    /// The same from bytes, for paths that never become a String. Neither generic over its bytes nor over the thing
    /// where the work is done: a caller in another module would get the unspecialized form, and each status read comes
    /// through here.
    @inlinable
    package init?(utf8 text: UnsafeBufferPointer<UInt8>) {
        guard let words = UUIDText.words(text) else { return nil }
        self.init(high: words.high, low: words.low)
    }

    package var description: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            write(into: buffer)
            return 36
        }
    }

    /// Writes the 36 lower-case characters.
    package func write(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        let digits: StaticString = "0123456789abcdef"
        var at = 0
        for (word, dashesBefore) in [(high, (8, 13)), (low, (19, 24))] {
            for nibble in stride(from: 60, through: 0, by: -4) {
                if at == dashesBefore.0 || at == dashesBefore.1 || at == 18 || at == 23 {
                    buffer[at] = UInt8(ascii: "-")
                    at += 1
                }
                buffer[at] = digits.utf8Start[Int(word >> UInt64(nibble) & 0xF)]
                at += 1
            }
        }
    }
}

/// The 16 bytes, most significant first: what the database keeps.
extension Identifier {
    package var bytes: [UInt8] {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian)) { Array($0) }
    }

    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        for (index, byte) in bytes.enumerated() {
            if index < 8 { words.0 = words.0 << 8 | UInt64(byte) } else { words.1 = words.1 << 8 | UInt64(byte) }
        }
        self.init(high: words.0, low: words.1)
    }
}

package typealias TaskID = Identifier<GenerationTask>
package typealias AccountID = Identifier<Account>
package typealias KeyID = Identifier<APIKey>
package typealias AttemptID = Identifier<Attempt>
package typealias EndpointID = Identifier<WebhookEndpoint>
package typealias EventID = Identifier<Event>
package typealias DeliveryID = Identifier<Delivery>

/// The 36 characters of a UUID (RFC 9562 §4) as two words.
package enum UUIDText {
    package static func words(_ text: UnsafeBufferPointer<UInt8>) -> (high: UInt64, low: UInt64)? {
        let dash = UInt8(ascii: "-")
        guard text.count == 36, text[8] == dash, text[13] == dash, text[18] == dash, text[23] == dash else {
            return nil
        }
        var isWrong: UInt64 = 0
        func digits(_ range: Range<Int>, _ word: UInt64) -> UInt64 {
            var word = word
            for index in range {
                let number = text[index] &- UInt8(ascii: "0")
                let letter = (text[index] | 0x20) &- UInt8(ascii: "a")
                if number > 9, letter > 5 { isWrong = 1 }
                word = word << 4 | UInt64(number <= 9 ? number : letter &+ 10)
            }
            return word
        }
        let high = digits(14..<18, digits(9..<13, digits(0..<8, 0)))
        let low = digits(24..<36, digits(19..<23, 0))
        return isWrong == 0 ? (high, low) : nil
    }
}
