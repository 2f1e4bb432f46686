import Domain
import HTTP
import Testing

@testable import API

struct SignedLinksTests {
    private let links = SignedLinks(publicURL: "https://gateway.example.com") { message in
        // Any function of all the bytes will do here; the real one is HMAC-SHA-256.
        let sum = message.reduce(UInt64(1)) { ($0 &* 31) &+ UInt64($1) }
        return (0..<8).map { UInt8(truncatingIfNeeded: sum >> (UInt64($0) * 8)) }
    }
    private let grant = SignedLinks.Grant(
        kind: .assets, file: String(repeating: "ab", count: 32) + ".glb", name: "trellis2_1024_7.glb",
        expires: 1_800_000_000)

    private func target(_ address: String) -> RequestTarget {
        RequestTarget(String(address.dropFirst("https://gateway.example.com".count)))
    }

    @Test func `proves what it granted, and only that`() {
        let address = links.address(of: grant)
        #expect(links.proven(.assets, file: grant.file, target: target(address)) == grant)
        #expect(links.proven(.inputs, file: grant.file, target: target(address)) == nil)
        #expect(links.proven(.assets, file: "x" + grant.file, target: target(address)) == nil)
    }

    @Test(arguments: [
        ("expires=1800000000", "expires=1900000000"), ("trellis2_1024_7", "evil"), ("signature=", "signature=0"),
        ("signature=", "sig="), ("expires=", "expires=x"),
    ])
    func `refuses an address that was touched`(part: String, other: String) {
        let address = links.address(of: grant)
        let range = address.firstRange(of: part)
        let touched = range.map { address.replacingCharacters(in: $0, with: other) } ?? address
        #expect(touched != address)
        #expect(links.proven(.assets, file: grant.file, target: target(touched)) == nil)
    }

    @Test func `gives the same address every time`() {
        #expect(links.address(of: grant) == links.address(of: grant))
    }
}

extension String {
    fileprivate func firstRange(of part: String) -> Range<Index>? {
        indices.first { self[$0...].hasPrefix(part) }.map { $0..<index($0, offsetBy: part.count) }
    }

    fileprivate func replacingCharacters(in range: Range<Index>, with text: String) -> String {
        self[..<range.lowerBound] + text + self[range.upperBound...]
    }
}
