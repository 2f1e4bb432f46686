import HTTP
import HTTPClient
import Testing

@Suite struct EgressPolicyTests {
    private let strict = EgressPolicy()

    private func verdict(_ policy: EgressPolicy, _ text: String, port: UInt16 = 443) throws -> EgressPolicy.Verdict {
        let address = try #require(NetworkAddress(text))
        return policy.verdict(for: NetworkAddress(high: address.high, low: address.low, port: port))
    }

    @Test(arguments: [
        ("0.0.0.0", "0.255.255.255"), ("10.0.0.0", "10.255.255.255"), ("100.64.0.0", "100.127.255.255"),
        ("127.0.0.0", "127.255.255.255"), ("169.254.0.0", "169.254.255.255"), ("172.16.0.0", "172.31.255.255"),
        ("192.0.0.0", "192.0.0.255"), ("192.0.2.0", "192.0.2.255"), ("192.88.99.0", "192.88.99.255"),
        ("192.168.0.0", "192.168.255.255"), ("198.18.0.0", "198.19.255.255"), ("198.51.100.0", "198.51.100.255"),
        ("203.0.113.0", "203.0.113.255"), ("224.0.0.0", "239.255.255.255"), ("240.0.0.0", "255.255.255.255"),
    ])
    func `a range that is not public is refused from its first address to its last`(first: String, last: String) throws
    {
        #expect(try verdict(strict, first) == .refused(.notPublic))
        #expect(try verdict(strict, last) == .refused(.notPublic))
        // The same inside IPv6 is the same address.
        #expect(try verdict(strict, "::ffff:\(first)") == .refused(.notPublic))
    }

    @Test(arguments: [
        "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
        "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "8.8.8.8",
        "2000::", "2001:200::", "2001:db7:ffff::", "2001:db9::", "2001:4860:4860::8888", "2003::", "3ffe:ffff::",
        "3fff:1000::",
        "3fff:ffff::",
    ])
    func `what lies beside the refused ranges is public`(address: String) throws {
        #expect(try verdict(strict, address) == .allowed)
    }

    @Test(arguments: [
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::", "2001:10::1",
        "2001:20::1", "2001:1ff:ffff::", "2001:db8::1", "2001:db8:ffff::1", "2002:7f00:1::", "2002:ffff::", "3fff::",
        "3fff:fff:ffff::", "4000::", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1",
        "1fff:ffff::",
    ])
    func `every form of IPv6 that is not handed out is refused`(address: String) throws {
        #expect(try verdict(strict, address) == .refused(.notPublic))
    }

    @Test func `a Unix socket is not the Internet`() {
        #expect(strict.verdict(for: .unix) == .refused(.notInternet))
    }

    @Test func `the operator's ranges are let through, and no others`() throws {
        let policy = EgressPolicy(allowed: ranges("10.1.0.0/16", "fd00:1::/32"))
        #expect(try verdict(policy, "10.1.255.1") == .allowed)
        #expect(try verdict(policy, "::ffff:10.1.255.1") == .allowed)
        #expect(try verdict(policy, "fd00:1::5") == .allowed)
        #expect(try verdict(policy, "10.2.0.1") == .refused(.notPublic))
        #expect(try verdict(policy, "fd00:2::5") == .refused(.notPublic))
    }

    @Test func `what the operator denies is refused though it is public or allowed`() throws {
        let policy = EgressPolicy(allowed: ranges("10.0.0.0/8"), denied: ranges("10.1.0.0/16", "8.8.8.0/24"))
        #expect(try verdict(policy, "10.1.0.1") == .refused(.denied))
        #expect(try verdict(policy, "10.2.0.1") == .allowed)
        #expect(try verdict(policy, "8.8.8.8") == .refused(.denied))
    }

    @Test(arguments: [UInt16(0), 22, 25, 53, 110, 143, 465, 587, 993, 2049, 6000, 6667])
    func `a port that speaks another protocol is refused everywhere`(port: UInt16) throws {
        #expect(try verdict(strict, "8.8.8.8", port: port) == .refused(.port))
        #expect(try verdict(.loopback, "127.0.0.1", port: port) == .refused(.port))
    }

    @Test(arguments: ["127.0.0.1", "127.9.9.9", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "198.51.100.7"])
    func `our own listener is refused at every address of ours, even in an allowed range`(address: String) throws {
        let policy = EgressPolicy(
            allowed: ranges("127.0.0.0/8", "0.0.0.0/8", "::/0", "198.51.100.0/24"),
            ownListeners: [try #require(NetworkAddress("198.51.100.7:8080"))])
        #expect(try verdict(policy, address, port: 8080) == .refused(.ownListener))
        #expect(try verdict(policy, address, port: 8081) == .allowed)
    }

    @Test func `another machine may listen at our port`() throws {
        let policy = EgressPolicy(ownListeners: [try #require(NetworkAddress("0.0.0.0:8080"))])
        #expect(try verdict(policy, "8.8.8.8", port: 8080) == .allowed)
    }
}
