/// One exchange over a raw socket: what a client sends, and what must come back.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable {
        /// Answers with these bodies (method, target and content as understood), the connection stays.
        case answers([String])
        /// The same, and then the connection is closed.
        case answersAndCloses([String])
        /// One answer with this status, and the connection is closed.
        case refused(Int)
    }

    let name: String
    let raw: String
    let outcome: Outcome

    init(_ name: String, _ raw: String, _ outcome: Outcome) {
        self.name = name
        self.raw = raw
        self.outcome = outcome
    }

    var testDescription: String { name }
}

import Testing

private let host = "Host: x\r\n"

extension ConformanceCase {
    static let all = requestLines + targets + hosts + fields + lengths + codings + chunks + connections + others

    /// A GET with one more field.
    private static func field(_ line: String, _ outcome: Outcome) -> ConformanceCase {
        ConformanceCase("field \(line.debugDescription)", "GET / HTTP/1.1\r\n\(host)\(line)\r\n\r\n", outcome)
    }

    private static func line(_ line: String, _ outcome: Outcome) -> ConformanceCase {
        ConformanceCase("line \(line.debugDescription)", "\(line)\(host)\r\n", outcome)
    }

    private static func target(_ target: String, _ outcome: Outcome) -> ConformanceCase {
        line("GET \(target) HTTP/1.1\r\n", outcome)
    }

    private static let got = Outcome.answers(["GET / "])

    /// RFC 9112 §2, §3.
    static let requestLines: [ConformanceCase] = [
        line("GET / HTTP/1.1\r\n", got),
        line("\r\nGET / HTTP/1.1\r\n", got),
        line("\r\n\r\nGET / HTTP/1.1\r\n", got),
        line("POST / HTTP/1.1\r\n", .answers(["POST / "])),
        line("DELETE / HTTP/1.1\r\n", .answers(["DELETE / "])),
        line("PATCH / HTTP/1.1\r\n", .answers(["PATCH / "])),
        line("get / HTTP/1.1\r\n", .answers(["get / "])),
        line("M-SEARCH / HTTP/1.1\r\n", .answers(["M-SEARCH / "])),
        line("GET / HTTP/1.9\r\n", got),
        line("GET / HTTP/1.1\n", .refused(400)),
        line("GET / HTTP/1.1\r", .refused(400)),
        line("\nGET / HTTP/1.1\r\n", .refused(400)),
        line("\rGET / HTTP/1.1\r\n", .refused(400)),
        line(" GET / HTTP/1.1\r\n", .refused(400)),
        line("\tGET / HTTP/1.1\r\n", .refused(400)),
        line("\r\n\r\n\r\nGET / HTTP/1.1\r\n", .refused(400)),
        line("GET  / HTTP/1.1\r\n", .refused(400)),
        line("GET /  HTTP/1.1\r\n", .refused(400)),
        line("GET\t/ HTTP/1.1\r\n", .refused(400)),
        line("GET /\tHTTP/1.1\r\n", .refused(400)),
        line("GET / HTTP/1.1 \r\n", .refused(400)),
        line("GET / HTTP/1.1\t\r\n", .refused(400)),
        line("GET /\r\n", .refused(400)),
        line("GET\r\n", .refused(400)),
        line("/ HTTP/1.1\r\n", .refused(400)),
        line("GET HTTP/1.1\r\n", .refused(400)),
        line("GE(T / HTTP/1.1\r\n", .refused(400)),
        line("GE\u{0}T / HTTP/1.1\r\n", .refused(400)),
        line("G\u{c9}T / HTTP/1.1\r\n", .refused(400)),
        line("\(String(repeating: "M", count: 40)) / HTTP/1.1\r\n", .refused(501)),
        line("GET / HTTP/2.0\r\n", .refused(505)),
        line("GET / HTTP/0.9\r\n", .refused(505)),
        line("GET / HTTP/3.1\r\n", .refused(505)),
        line("GET / http/1.1\r\n", .refused(400)),
        line("GET / HTTP/1\r\n", .refused(400)),
        line("GET / HTTP/11\r\n", .refused(400)),
        line("GET / HTTP/1.10\r\n", .refused(400)),
        line("GET / HTTP/1,1\r\n", .refused(400)),
        line("GET / HTTP / 1.1\r\n", .refused(400)),
        line("GET / HTTPS/1.1\r\n", .refused(400)),
        line("GET / ICY/1.1\r\n", .refused(400)),
        line("GET / HTTP/-1.1\r\n", .refused(400)),
        ConformanceCase("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .refused(505)),
        ConformanceCase("TLS on a plain port", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}", .refused(400)),
        ConformanceCase("line too long", "GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\n", .refused(414)),
        ConformanceCase("endless line", "GET /\(String(repeating: "a", count: 9000))", .refused(414)),
    ]

    /// RFC 9112 §3.2.
    static let targets: [ConformanceCase] = [
        target("/a/b?c=d&e=%20", .answers(["GET /a/b?c=d&e=%20 "])),
        target("//double", .answers(["GET //double "])),
        target("/a|b[c]", .answers(["GET /a|b[c] "])),
        target("/%2e%2e/x", .answers(["GET /%2e%2e/x "])),
        target("http://x/a?b", .answers(["GET /a?b "])),
        target("HTTP://X:80/a", .answers(["GET /a "])),
        target("https://x", .answers(["GET / "])),
        target("http://x?q", .answers(["GET /?q "])),
        target("http://[::1]:8080/v6", .answers(["GET /v6 "])),
        target("http://", .refused(400)),
        target("http:///path", .refused(400)),
        target("http://user@x/", .refused(400)),
        target("http://x:99999/", .refused(400)),
        target("http://a b/", .refused(400)),
        target("ftp://x/", .refused(400)),
        target("x:80", .refused(400)),
        target("relative", .refused(400)),
        target("?query", .refused(400)),
        target("*", .refused(400)),
        target("/a#fragment", .refused(400)),
        target("/a\u{7f}", .refused(400)),
        target("/a\u{0}b", .refused(400)),
        target("/caf\u{e9}", .refused(400)),
        line("OPTIONS * HTTP/1.1\r\n", .answers(["OPTIONS * "])),
        line("OPTIONS http://x HTTP/1.1\r\n", .answers(["OPTIONS * "])),
        line("CONNECT x:443 HTTP/1.1\r\n", .refused(501)),
        line("CONNECT / HTTP/1.1\r\n", .refused(501)),
    ]

    private static func hosted(_ lines: String, _ outcome: Outcome, version: String = "1.1") -> ConformanceCase {
        ConformanceCase("hosts \(lines.debugDescription)", "GET / HTTP/\(version)\r\n\(lines)\r\n", outcome)
    }

    /// RFC 9112 §3.2, RFC 9110 §7.2.
    static let hosts: [ConformanceCase] = [
        hosted("Host: example.com\r\n", got),
        hosted("hOsT: example.com:8080\r\n", got),
        hosted("Host:x\r\n", got),
        hosted("Host: [2001:db8::1]:80\r\n", got),
        hosted("Host: 192.0.2.1\r\n", got),
        hosted("Host: x:\r\n", got),
        hosted("Host:\r\n", got),
        hosted("Host: a_b.example\r\n", got),
        hosted("", .refused(400)),
        hosted("Host: x\r\nHost: x\r\n", .refused(400)),
        hosted("Host: x\r\nHOST: y\r\n", .refused(400)),
        hosted("Host: x, y\r\n", .refused(400)),
        hosted("Host: x y\r\n", .refused(400)),
        hosted("Host: x/y\r\n", .refused(400)),
        hosted("Host: user@x\r\n", .refused(400)),
        hosted("Host: http://x\r\n", .refused(400)),
        hosted("Host: x:port\r\n", .refused(400)),
        hosted("Host: x:123456\r\n", .refused(400)),
        hosted("Host: x:65536\r\n", .refused(400)),
        hosted("Host: x:1:2\r\n", .refused(400)),
        hosted("Host: [::1\r\n", .refused(400)),
        hosted("Host: [x]\r\n", .refused(400)),
        hosted("Host: ::1\r\n", .refused(400)),
        hosted("Host: :80\r\n", .refused(400)),
        hosted("Host: caf\u{e9}\r\n", .refused(400)),
        hosted("Host: x%2\r\n", .refused(400)),
        hosted("Host: x\"\r\n", .refused(400)),
        hosted("", .answersAndCloses(["GET / "]), version: "1.0"),
        hosted("Host: x\r\nHost: y\r\n", .refused(400), version: "1.0"),
    ]

    /// RFC 9112 §5.
    static let fields: [ConformanceCase] = [
        field("A: b", got),
        field("A:b", got),
        field("A:", got),
        field("A: ", got),
        field("A: \t b \t ", got),
        field("A: b\tc", got),
        field("A: \u{e9}", got),
        field("!#$%&'*+-.^_`|~09azAZ: v", got),
        field("A: b: c", got),
        field("A: 1\r\nA: 2", got),
        field("A : b", .refused(400)),
        field("A\t: b", .refused(400)),
        field(" A: b", .refused(400)),
        field("A: b\r\n c", .refused(400)),
        field("A: b\r\n\tc", .refused(400)),
        field(": b", .refused(400)),
        field("A b", .refused(400)),
        field("A", .refused(400)),
        field("A(: b", .refused(400)),
        field("A\u{e9}: b", .refused(400)),
        field("\u{0}A: b", .refused(400)),
        field("A\u{0}: b", .refused(400)),
        field("A: \u{0}", .refused(400)),
        field("A: b\u{1}", .refused(400)),
        field("A: b\u{7f}", .refused(400)),
        field("A: b\rc", .refused(400)),
        field("A: b\nC: d", .refused(400)),
        field("A: b\r\r\nC: d", .refused(400)),
        field("A: b\n\r\nC: d", .refused(400)),
        field("A: \u{1b}[31m", .refused(400)),
        field("[A]: b", .refused(400)),
        field("A,B: c", .refused(400)),
        field("A: \(String(repeating: "b", count: 33_000))", .refused(431)),
        field("\(String(repeating: "A", count: 33_000)): b", .refused(431)),
        field((0..<100).map { "A\($0): b" }.joined(separator: "\r\n"), .refused(431)),
        field((0..<99).map { "A\($0): b" }.joined(separator: "\r\n"), got),
        ConformanceCase(
            "endless fields", "GET / HTTP/1.1\r\n\(host)" + String(repeating: "Abc: def\r\n", count: 4000),
            .refused(431)),
        ConformanceCase("empty line with a bare LF", "GET / HTTP/1.1\r\n\(host)\n", .refused(400)),
        ConformanceCase("empty line with a bare CR", "GET / HTTP/1.1\r\n\(host)\rX", .refused(400)),
        ConformanceCase("white space before the first field", "GET / HTTP/1.1\r\n \(host)\r\n", .refused(400)),
    ]

    private static func post(_ fields: String, _ body: String, _ outcome: Outcome) -> ConformanceCase {
        ConformanceCase(
            "body \(fields.debugDescription) \(body.prefix(60).debugDescription)",
            "POST / HTTP/1.1\r\n\(host)\(fields)\r\n\(body)", outcome)
    }

    /// RFC 9112 §6.2, §6.3.
    static let lengths: [ConformanceCase] = [
        post("Content-Length: 5\r\n", "hello", .answers(["POST / hello"])),
        post("Content-Length: 0\r\n", "", .answers(["POST / "])),
        post("Content-Length: 0005\r\n", "hello", .answers(["POST / hello"])),
        post("content-length:5\t\r\n", "hello", .answers(["POST / hello"])),
        post("", "", .answers(["POST / "])),
        ConformanceCase(
            "GET with a body", "GET / HTTP/1.1\r\n\(host)Content-Length: 2\r\n\r\nab", .answers(["GET / ab"])),
        post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello", .refused(400)),
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!", .refused(400)),
        post("Content-Length: 5, 5\r\n", "hello", .refused(400)),
        post("Content-Length: 5,6\r\n", "hello!", .refused(400)),
        post("Content-Length:\r\n", "", .refused(400)),
        post("Content-Length: -1\r\n", "", .refused(400)),
        post("Content-Length: +5\r\n", "hello", .refused(400)),
        post("Content-Length: 0x5\r\n", "hello", .refused(400)),
        post("Content-Length: 5 5\r\n", "hello", .refused(400)),
        post("Content-Length: 5.0\r\n", "hello", .refused(400)),
        post("Content-Length: 5;\r\n", "hello", .refused(400)),
        post("Content-Length: \"5\"\r\n", "hello", .refused(400)),
        post("Content-Length: five\r\n", "hello", .refused(400)),
        post("Content-Length: 5e0\r\n", "hello", .refused(400)),
        post("Content-Length: \u{b}5\r\n", "hello", .refused(400)),
        post("Content-Length : 5\r\n", "hello", .refused(400)),
        post("Content-Length: 99999999999999999999999999\r\n", "", .refused(413)),
        post("Content-Length: 18446744073709551621\r\n", "hello", .refused(413)),
        post("Content-Length: 1048577\r\n", "", .refused(413)),
    ]

    /// RFC 9112 §6.1.
    static let codings: [ConformanceCase] = [
        post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", .answers(["POST / hello"])),
        post("transfer-ENCODING:CHUNKED\r\n", "0\r\n\r\n", .answers(["POST / "])),
        post("Transfer-Encoding: , chunked\r\n", "0\r\n\r\n", .answers(["POST / "])),
        post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n", .refused(400)),
        post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", .refused(400)),
        post("Content-Length: 5\r\nTransfer-Encoding: identity\r\n", "hello", .refused(400)),
        post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: identity\r\n", "", .refused(400)),
        post("Transfer-Encoding: gzip\r\n", "", .refused(400)),
        post("Transfer-Encoding:\r\n", "", .refused(400)),
        post("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: 'chunked'\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: chun ked\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: \u{b}chunked\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n", .refused(400)),
        post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n", .refused(501)),
        post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", .refused(501)),
        post("Transfer_Encoding: chunked\r\n", "", .answers(["POST / "])),
        ConformanceCase(
            "chunked in HTTP/1.0", "POST / HTTP/1.0\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .refused(400)),
    ]

    private static func chunked(_ body: String, _ outcome: Outcome) -> ConformanceCase {
        post("Transfer-Encoding: chunked\r\n", body, outcome)
    }

    /// RFC 9112 §7.1.
    static let chunks: [ConformanceCase] = [
        chunked("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", .answers(["POST / abcde"])),
        chunked("0a\r\n0123456789\r\n00\r\n\r\n", .answers(["POST / 0123456789"])),
        chunked("A\r\n0123456789\r\n0\r\n\r\n", .answers(["POST / 0123456789"])),
        chunked("3;a=b\r\nabc\r\n0;c\r\n\r\n", .answers(["POST / abc"])),
        chunked("3;\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3;=b\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3;a;b; c=d\r\nabc\r\n0\r\n\r\n", .answers(["POST / abc"])),
        chunked("3;a=\"b;\\\"c\"\r\nabc\r\n0\r\n\r\n", .answers(["POST / abc"])),
        chunked("3 ;a\r\nabc\r\n0\r\n\r\n", .answers(["POST / abc"])),
        chunked("3\r\nabc\r\n0\r\nTrailer: x\r\nB: c\r\n\r\n", .answers(["POST / abc"])),
        chunked("3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n", .answers(["POST / abc"])),
        chunked("2\r\n\r\n\r\n0\r\n\r\n", .answers(["POST / \r\n"])),
        chunked("3\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3\r\nabc\n0\r\n\r\n", .refused(400)),
        chunked("3\r\nabc0\r\n\r\n", .refused(400)),
        chunked("3\r\nabcd\r\n0\r\n\r\n", .refused(400)),
        chunked("3\r\nabc\r\n\r\n0\r\n\r\n", .refused(400)),
        chunked(" 3\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3 \r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("-3\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("+3\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("0x3\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3_0\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("g\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked(";a\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("\"3\"\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("1000000000000000\r\n", .refused(400)),
        chunked("ffffffffffffffff\r\n", .refused(400)),
        chunked("fffffff\r\n" + String(repeating: "a", count: 1_100_000), .refused(413)),
        chunked("3;a\nb\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3;a\rb\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3;a=\"\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3;a\u{0}\r\nabc\r\n0\r\n\r\n", .refused(400)),
        chunked("3;\(String(repeating: "a", count: 2000))\r\nabc\r\n0\r\n\r\n", .refused(400)),
        // Short in each chunk, and too much in all: a body of nothing but extensions.
        chunked(String(repeating: "1;\(String(repeating: "a", count: 100))\r\nb\r\n", count: 20), .refused(400)),
        chunked("0\r\nA b\r\n\r\n", .refused(400)),
        chunked("0\r\n A: b\r\n\r\n", .refused(400)),
        chunked("0\r\nA : b\r\n\r\n", .refused(400)),
        chunked("0\r\nA: b\n\r\n", .refused(400)),
        chunked("0\r\nA: b\u{0}\r\n\r\n", .refused(400)),
        chunked("0\r\n\nGET", .refused(400)),
        chunked("0\r\n\rGET", .refused(400)),
        chunked("0\r\nA: \(String(repeating: "b", count: 9000))\r\n\r\n", .refused(431)),
    ]

    private static let get = "GET / HTTP/1.1\r\n\(host)"

    /// RFC 9112 §9.
    static let connections: [ConformanceCase] = [
        ConformanceCase("two requests at once", "\(get)\r\n\(get)\r\n", .answers(["GET / ", "GET / "])),
        ConformanceCase(
            "body, then a request", "POST / HTTP/1.1\r\n\(host)Content-Length: 2\r\n\r\nab\(get)\r\n",
            .answers(["POST / ab", "GET / "])),
        ConformanceCase(
            "chunks, then a request",
            "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n\(get)\r\n",
            .answers(["POST / ab", "GET / "])),
        ConformanceCase("empty line between requests", "\(get)\r\n\r\n\(get)\r\n", .answers(["GET / ", "GET / "])),
        field("Connection: close", .answersAndCloses(["GET / "])),
        field("Connection: CLOSE", .answersAndCloses(["GET / "])),
        field("Connection: x, close\t", .answersAndCloses(["GET / "])),
        field("Connection: keep-alive\r\nConnection: close", .answersAndCloses(["GET / "])),
        field("Connection: keep-alive", got),
        field("Connection: closed", got),
        field("Connection:", got),
        ConformanceCase(
            "request after close is not answered", "\(get)Connection: close\r\n\r\n\(get)\r\n",
            .answersAndCloses(["GET / "])),
        ConformanceCase("HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", .answersAndCloses(["GET / "])),
        ConformanceCase(
            "HTTP/1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", .answers(["GET / "])),
        ConformanceCase(
            "HTTP/1.0 keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
            .answersAndCloses(["GET / "])),
        ConformanceCase(
            "HTTP/1.0 with a body", "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nab", .answersAndCloses(["POST / ab"])),
        ConformanceCase("HTTP/0.9", "GET /\r\n", .refused(400)),
    ]

    /// RFC 9110 §7.8, §10.1.1.
    static let others: [ConformanceCase] = [
        field("Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk", got),
        field("Upgrade: websocket\r\nConnection: upgrade", got),
        field("Expect: 100-continue", got),
        field("Expect: 200-ok", .refused(417)),
        field("Expect: 100-continue, x", .refused(417)),
        ConformanceCase(
            "expectation in HTTP/1.0",
            "POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab", .answersAndCloses(["POST / ab"])),
        field("Range: bytes=0-1", got),
        field("Proxy-Connection: keep-alive", got),
        field("TE: trailers", got),
        field("X-Request-Id: \(String(repeating: "a", count: 500))", got),
    ]
}
