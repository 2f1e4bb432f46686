import COpenSSL

enum SHA256 {
    static func digest(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            bytes.withUnsafeBytes { openssl_sha256($0.baseAddress, $0.count, buffer.baseAddress) }
            count = 32
        }
    }

    /// The same as a value that can be looked up and compared without touching the heap.
    static func words(_ bytes: UnsafeBufferPointer<UInt8>) -> Words {
        var words = Words()
        withUnsafeMutableBytes(of: &words) { buffer in
            openssl_sha256(
                bytes.baseAddress, bytes.count, buffer.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
        return words
    }

    struct Words: Hashable, Sendable {
        var first: UInt64 = 0
        var second: UInt64 = 0
        var third: UInt64 = 0
        var fourth: UInt64 = 0

        init() {}

        init?(_ bytes: [UInt8]) {
            guard bytes.count == 32 else { return nil }
            withUnsafeMutableBytes(of: &self) { $0.copyBytes(from: bytes) }
        }

        /// Takes the same time wherever they differ.
        func isSame(as other: Words) -> Bool {
            (first ^ other.first) | (second ^ other.second) | (third ^ other.third) | (fourth ^ other.fourth) == 0
        }

        static func == (left: Words, right: Words) -> Bool { left.isSame(as: right) }

        /// The digest of a secret is as random as a hash can be.
        func hash(into hasher: inout Hasher) { hasher.combine(first) }
    }
}
