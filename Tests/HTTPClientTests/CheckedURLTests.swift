import HTTP
import HTTPClient
import Testing

@Suite struct CheckedURLTests {
    private let open = EgressPolicy(allowsPlainHTTP: true)

    private func fault(_ url: String, _ egress: EgressPolicy) -> URLFault? {
        do throws(URLFault) {
            _ = try CheckedURL(url, egress: egress)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        "http://127.0.0.1/", "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://017700000001/",
        "http://0177.0.0.1/", "http://127.1/", "http://127.0.1/", "http://0/", "http://%31%32%37.0.0.1/",
        "http://127.0.0.1./", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/", "http://[0:0:0:0:0:0:0:1]/", "http://localhost/", "http://LOCALHOST./",
        "http://a.localhost/", "http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://[::]/",
        "http://100.100.100.200/", "http://192.0.0.192/", "http://10.0.0.1/", "https://[fe80::1]/",
        "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "http://4294967295/",
    ])
    func `a private address is refused in any spelling`(url: String) {
        #expect(fault(url, open) == .address)
    }

    @Test(arguments: ["http://①②⑦.⓪.⓪.①/", "http://１２７.0.0.1/", "http://loc\u{AD}alhost/", "http://bücher.example/"])
    func `a host that a resolver would fold into another is refused`(url: String) {
        #expect(fault(url, open) == .hostNotASCII)
    }

    @Test(arguments: [
        ("file:///etc/passwd", "file"), ("gopher://example.com/", "gopher"), ("ftp://example.com/", "ftp"),
        ("dict://example.com/", "dict"), ("ldap://example.com/", "ldap"), ("nonsense://example.com/", "nonsense"),
    ])
    func `any scheme but https and http is refused`(url: String, scheme: String) {
        #expect(fault(url, open) == .scheme(scheme, allowsPlainHTTP: true))
    }

    @Test func `plain http is refused unless the operator allows it`() {
        #expect(fault("http://example.com/", EgressPolicy()) == .scheme("http", allowsPlainHTTP: false))
        #expect(fault("https://example.com/", EgressPolicy()) == nil)
        #expect(fault("http://example.com/", open) == nil)
    }

    @Test(arguments: ["http://127.0.0.1/x.png", "http://10.0.0.1/x", "http://[::1]/x", "http://localhost/x"])
    func `a plain address inside is told both that will not do`(url: String) {
        #expect(fault(url, EgressPolicy()) == .schemeAndAddress)
        #expect(fault(url.replacing("http:", with: "https:"), EgressPolicy()) == .address)
    }

    @Test(arguments: [
        "https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/",
        "https://:@example.com/",
    ])
    func `credentials are refused`(url: String) {
        #expect(fault(url, open) == .credentials)
    }

    @Test(arguments: [
        "https://example.com/\r\nX: 1", "https://example.com/\n", "https://example.com/a b", "https://example.com/\0",
        "https://example.com/%0d%0aX:1", "https://example.com/%0A", "https://example.com/%00", "https://exam\tple.com/",
        "https://example.com/\u{7f}", " https://example.com/",
    ])
    func `line ends, controls and spaces are refused, encoded line ends too`(url: String) {
        #expect(fault(url, open) == .character)
    }

    @Test(arguments: [
        "", "example.com", "//example.com/", "https://", "https:///example.com/", "https:/example.com/",
        "https:example.com",
        "https://exa%00mple.com/", "https://[::1/", "https://example.com:99999/", "https://example.com:8x/",
        "https://ex{ample.com/",
        "https:\\\\example.com",
    ])
    func `what is not a whole URL is refused`(url: String) {
        let fault = fault(url, open)
        #expect(fault == .malformed || fault == .character)
    }

    @Test func `fragments, odd ports, zones and endless URLs are refused`() {
        #expect(fault("https://example.com/#part", open) == .fragment)
        #expect(fault("https://example.com/#", open) == .fragment)
        #expect(fault("https://example.com:25/", open) == .port(25))
        #expect(fault("https://example.com:0/", open) == .port(0))
        #expect(fault("https://[2606:4700::1%25eth0]/", open) == .address)
        let long = "https://example.com/" + String(repeating: "a", count: CheckedURL.lengthLimit)
        #expect(fault(long, open) == .tooLong(long.utf8.count))
    }

    @Test(arguments: [
        "https://example.com", "https://EXAMPLE.com:8443/path?query=1&b=%20", "https://example.com./",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/", "https://xn--bcher-kva.example/", "https://1.2.3.4.5.example/",
        "https://bucket.s3.example/key?X-Amz-Signature=abc%2Fdef", "https://example.com/ünïcode",
        "HTTPS://example.com/",
    ])
    func `an ordinary URL is taken`(url: String) throws {
        let checked = try CheckedURL(url, egress: EgressPolicy())
        #expect(checked.text == url)
        #expect(checked.host == checked.host.lowercased())
        #expect(checked.isHTTPS)
    }

    @Test func `the port and the address are read`() throws {
        #expect(try CheckedURL("https://a.example/", egress: open).port == 443)
        #expect(try CheckedURL("http://a.example/", egress: open).port == 80)
        #expect(try CheckedURL("http://a.example:8080/", egress: open).port == 8080)
        #expect(try CheckedURL("http://a.example/", egress: open).address == nil)
        #expect(try CheckedURL("http://0x7f.1:9000/", egress: .loopback).address == NetworkAddress("127.0.0.1:9000"))
        #expect(try CheckedURL("http://localhost:9000/", egress: .loopback).host == "localhost")
    }

    @Test func `our own name and our own listener are refused, even where loopback is allowed`() throws {
        var egress = EgressPolicy.loopback
        egress.ownListeners = [try #require(NetworkAddress("0.0.0.0:8080"))]
        egress.ownNames = ["gateway.example:443"]
        #expect(fault("http://127.0.0.1:8080/", egress) == .address)
        #expect(fault("http://localhost:8080/", egress) == .address)
        #expect(fault("http://127.0.0.1:8081/", egress) == nil)
        #expect(fault("https://Gateway.Example/hook", egress) == .address)
        #expect(fault("https://gateway.example./hook", egress) == .address)
        #expect(fault("https://other.example/hook", egress) == nil)
        egress.ownNames = ["gateway.example"]
        #expect(fault("https://gateway.example/hook", egress) == .address)
        #expect(fault("http://gateway.example/hook", egress) == .address)
        #expect(fault("https://gateway.example:8443/hook", egress) == nil)
    }

    @Test func `the words say what to do and never where an address led`() {
        for url in [
            "http://127.0.0.1/", "http://10.0.0.1:22/", "ftp://a/", "https://u:secret@a/", "https://a/#x", "nope",
        ] {
            let text = fault(url, open).map { "\($0)" } ?? ""
            #expect(!text.isEmpty)
            #expect(!text.contains("127.0.0.1") && !text.contains("10.0.0.1") && !text.contains("secret"))
        }
    }
}
