/// A key as it is kept: its hash and what a list may show. The token itself is shown once and forgotten.
package struct APIKey: Hashable, Sendable {
    package let id: KeyID
    package let account: AccountID
    package let label: String
    package let scope: Scope
    /// The token's last four characters, so that a person can tell keys apart.
    package let lastFour: String
    package let createdAt: Instant
    package var expiresAt: Instant?
    package var revokedAt: Instant?
    package var lastUsedAt: Instant?
    /// The most it may ever spend; checked inside the transaction that holds the credits.
    package var spendCap: Credits?

    package init(
        id: KeyID, account: AccountID, label: String, scope: Scope, lastFour: String, createdAt: Instant,
        expiresAt: Instant? = nil, revokedAt: Instant? = nil, lastUsedAt: Instant? = nil, spendCap: Credits? = nil
    ) {
        self.id = id
        self.account = account
        self.label = label
        self.scope = scope
        self.lastFour = lastFour
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.revokedAt = revokedAt
        self.lastUsedAt = lastUsedAt
        self.spendCap = spendCap
    }
}

/// What a key may do. Each scope allows only what is named; nothing is implied.
package enum Scope: String, Sendable, CaseIterable, Hashable {
    /// Submit, cancel and look.
    case user
    /// Look.
    case read
    /// Operate the gateway. It is no customer: it cannot submit.
    case admin

    package var tokenPrefix: StaticString {
        switch self {
        case .user: "tgu_"
        case .read: "tgr_"
        case .admin: "tga_"
        }
    }
}

/// The text a client sends: `tgu_` + 30 random base-62 characters (178 bits) + 6 that are their CRC-32.
/// The checksum lets a mistyped or made-up key be refused before anything is looked up.
package enum KeyToken {
    package static let length = 40
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    package static func make(_ scope: Scope, random: inout some RandomNumberGenerator) -> String {
        var bytes = Array(scope.tokenPrefix.description.utf8)
        for _ in 0..<30 { bytes.append(alphabet[Int.random(in: 0..<62, using: &random)]) }
        bytes += bytes.withUnsafeBufferPointer(checksum)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether it could be one of ours; says nothing of whether it is. On the way of each request, so neither generic
    /// over its bytes nor through an array.
    package static func isWellFormed(_ token: UnsafeBufferPointer<UInt8>) -> Bool {
        guard token.count == length,
            Scope.allCases.contains(where: { starts(token, with: $0.tokenPrefix) })
        else { return false }
        var rest = CRC32.of(UnsafeBufferPointer(rebasing: token[..<(length - 6)]))
        for index in stride(from: length - 1, to: length - 7, by: -1) {
            guard token[index] == alphabet[Int(rest % 62)] else { return false }
            rest /= 62
        }
        return true
    }

    private static func starts(_ token: UnsafeBufferPointer<UInt8>, with prefix: StaticString) -> Bool {
        for index in 0..<prefix.utf8CodeUnitCount where token[index] != prefix.utf8Start[index] { return false }
        return true
    }

    private static func checksum(of bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var rest = CRC32.of(bytes)
        var digits = [UInt8](repeating: 0, count: 6)
        for index in stride(from: 5, through: 0, by: -1) {
            digits[index] = alphabet[Int(rest % 62)]
            rest /= 62
        }
        return digits
    }
}

/// CRC-32 as in zlib and PNG (polynomial 0xEDB88320, reflected).
package enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? 0xEDB8_8320 ^ (crc >> 1) : crc >> 1 }
    }

    package static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var crc = ~UInt32(0)
        for byte in bytes { crc = table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ (crc >> 8) }
        return ~crc
    }
}

/// Who is calling, as far as a request needs to know.
package struct Principal: Hashable, Sendable {
    package let account: AccountID
    package let key: KeyID
    package let scope: Scope
    package let accountName: String
    package let limits: AccountLimits

    package init(account: AccountID, key: KeyID, scope: Scope, accountName: String, limits: AccountLimits) {
        self.account = account
        self.key = key
        self.scope = scope
        self.accountName = accountName
        self.limits = limits
    }
}
