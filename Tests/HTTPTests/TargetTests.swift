import HTTP
import Testing

@Suite struct `Request targets` {
    @Test func `split into path and query`() {
        let target = RequestTarget("/v1/a%20b/?wait=5&wait=6&name=a+b%26c&flag&&broken=%zz")
        #expect(target.path == "/v1/a%20b/")
        #expect(target.query == "wait=5&wait=6&name=a+b%26c&flag&&broken=%zz")
        #expect(target.queryItem("wait") == "5")
        #expect(target.queryItem("name") == "a b&c")
        #expect(target.queryItem("flag") == "")
        #expect(target.queryItem("broken") == "%zz")
        #expect(target.queryItem("none") == nil)
        #expect(target.queryItems.count == 5)
        #expect(RequestTarget("/").query == nil)
        #expect(RequestTarget("/?").query == "")
    }

    @Test(arguments: [("a%20b", "a b"), ("%C3%A9", "é"), ("%2f", "/"), ("plain", "plain"), ("+", "+")])
    func `decode`(text: String, expected: String) { #expect(PercentCoding.decode(text) == expected) }

    @Test(arguments: ["%", "%2", "%zz", "%ff", "%00", "%c3%28"])
    func `with broken escapes do not decode`(text: String) { #expect(PercentCoding.decode(text) == nil) }

    @Test func `encode what is not unreserved`() {
        #expect(PercentCoding.encode("a b/é~") == "a%20b%2F%C3%A9~")
        #expect(Query.encode([("a", "1 2"), ("b", "&")]) == "a=1%202&b=%26")
    }
}

@Suite struct `Network addresses` {
    @Test(arguments: [
        "192.0.2.1", "::", "::1", "2001:db8::1", "1:2:3:4:5:6:7:8", "fe80::1:0:0:2", "1::8", "0:0:0:1::",
        "2001:db8:0:1:1:1:1:1",
    ])
    func `are written as they were read`(text: String) throws {
        let address = try #require(NetworkAddress(text))
        let again = try #require(NetworkAddress(address.description))
        #expect(again == address)
        if text != "0:0:0:1::" { #expect(address.description == text) }
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "1.2.3.4:99999", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "::1::",
        "12345::", "[::1", "[1.2.3.4]", "1:2:3:4:5:6:7:", "g::", "1.2.3.4 ", "0x7f.1.1.1",
    ])
    func `that are none are refused`(text: String) { #expect(NetworkAddress(text) == nil) }

    @Test func `carry a port`() {
        #expect(NetworkAddress("[2001:db8::1]:443")?.port == 443)
        #expect(NetworkAddress("192.0.2.1:80")?.port == 80)
        #expect(NetworkAddress("::ffff:192.0.2.1")?.description == "192.0.2.1")
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "1.2.3.4", true),
        ("0.0.0.0/0", "2001:db8::1", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("::/0", "::1", true), ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false),
        ("fe80::/65", "fe80::8000:0:0:0", false),
    ])
    func `lie in a range or not`(range: String, address: String, isIn: Bool) throws {
        let range = try #require(AddressRange(range))
        #expect(range.contains(try #require(NetworkAddress(address))) == isIn)
        #expect(!range.contains(.unix))
    }

    @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "x/8"])
    func `in a bad range are refused`(text: String) { #expect(AddressRange(text) == nil) }
}

@Suite struct `Request ids` {
    @Test(arguments: ["", "a b", "a\n", "ä", String(repeating: "x", count: 65)])
    func `that could harm a log are not taken over`(text: String) { #expect(RequestID(given: text) == nil) }

    @Test func `have one spelling`() {
        #expect(RequestID.made(1, 0xabc).description == "00000000000000010000000000000abc")
        #expect(RequestID(given: "req-1.a:b_C")?.description == "req-1.a:b_C")
    }
}
