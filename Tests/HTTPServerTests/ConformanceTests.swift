import Corpus
import HTTP
import HTTPServer
import JSON
import Testing

@Suite struct `Conformance` {
    /// One server serves all cases of a test: a case must leave nothing behind for the next.
    private static func change(_ configuration: inout ServerConfiguration) {
        configuration.limits.bodyBytes = 1 << 20
    }

    @Test func `holds in every case, sent whole`() async throws {
        #expect(ConformanceCase.all.count >= 150)
        try await withServer(loops: 2, Self.change) { _, port in
            for test in ConformanceCase.all { try check(test, [latin1(test.raw)], port) }
        }
    }

    @Test func `holds in every case, cut in two at every offset`() async throws {
        try await withServer(loops: 2, Self.change) { _, port in
            for test in ConformanceCase.all where test.raw.unicodeScalars.count <= 90 {
                let raw = latin1(test.raw)
                for cut in 1..<raw.count { try check(test, [Array(raw[..<cut]), Array(raw[cut...])], port) }
            }
        }
    }

    @Test func `holds in every case, byte by byte`() async throws {
        try await withServer(loops: 2, Self.change) { _, port in
            for test in ConformanceCase.all where test.raw.unicodeScalars.count <= 400 {
                try check(test, latin1(test.raw).map { [$0] }, port)
            }
        }
    }

    private func latin1(_ text: String) -> [UInt8] {
        text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    }

    private func check(_ test: ConformanceCase, _ pieces: [[UInt8]], _ port: UInt16) throws {
        let client = try RawClient(port: port)
        // A server that has refused already may close while the rest is still being sent.
        for piece in pieces { guard client.send(piece) else { break } }
        switch test.outcome {
        case .answers(let bodies):
            for body in bodies {
                let answer = try client.response()
                #expect(answer.status == 200, "\(test.name)")
                #expect(answer.text == body, "\(test.name)")
                #expect(answer["Connection"] != "close", "\(test.name)")
            }
            // The connection goes on, and nothing was answered twice.
            let next = try client.roundTrip("HEAD /next HTTP/1.1\r\nHost: x\r\n\r\n", toHead: true)
            #expect(next["Content-Length"] == "\("HEAD /next ".utf8.count)", "\(test.name)")
        case .answersAndCloses(let bodies):
            for body in bodies {
                let answer = try client.response()
                #expect(answer.status == 200, "\(test.name)")
                #expect(answer.text == body, "\(test.name)")
                #expect(answer["Connection"] == "close", "\(test.name)")
            }
            #expect(try client.receiveAll().isEmpty, "\(test.name)")
        case .refused(let status):
            let answer = try client.response()
            #expect(answer.status == status, "\(test.name): \(answer.text)")
            #expect(answer["Connection"] == "close", "\(test.name)")
            #expect(!answer.body.isEmpty, "\(test.name)")
            #expect(try client.receiveAll().isEmpty, "\(test.name)")
        }
    }

    /// Cases of the corpus on which this server means to differ from the projects they come from, with the reason.
    private static let differences: [String: [String]] = [
        "data after a close is dropped unread (RFC 9112 §9.6), which those count as an error": [
            "llhttp/connection/CRLF between requests, explicit `close`",
            "llhttp/connection/CRLF between requests, explicit `close` followed by tab",
        ],
        "nothing is upgraded here, so what follows is a request, and not a good one": [
            "llhttp/connection/Multiple tokens with folding and LWS", "llhttp/connection/Upgrade GET request",
            "llhttp/connection/Upgrade POST request",
        ],
        "any token is a method; which ones exist is the handler's business": [
            "llhttp/invalid/HTTP protocol and ANNOUNCE method", "llhttp/invalid/Invalid method",
        ],
        "this is no proxy: CONNECT is 501": [
            "llhttp/method/CONNECT request", "llhttp/method/CONNECT request with CAPS",
            "llhttp/method/CONNECT with body", "llhttp/uri/Underscore in hostname",
            "gunicorn/valid/rfc9112_target_authority_connect_01", "gunicorn/valid/rfc9112_target_authority_ipv6_01",
        ],
        "`*` is for OPTIONS only (RFC 9112 §3.2.4)": ["llhttp/method/M-SEARCH request"],
        "other protocols, and HTTP/0.9, are not spoken": [
            "llhttp/method/SOURCE request with ICE", "llhttp/method/OPTIONS request with RTSP",
            "llhttp/method/ANNOUNCE request with RTSP", "llhttp/sample/No HTTP version",
        ],
        "the only coding is chunked (RFC 9112 §6.1: 501 for others); identity is gone since RFC 7230": [
            "llhttp/transfer-encoding/POST with `chunked` as last transfer-encoding",
            "llhttp/transfer-encoding/POST with `chunked` as last transfer-encoding (multiple headers)",
            "gunicorn/valid/009", "gunicorn/valid/025", "gunicorn/valid/025_line", "gunicorn/valid/029",
            "gunicorn/valid/030", "gunicorn/valid/rfc9112_smuggle_gzip_chunked_01",
            "gunicorn/valid/rfc9112_smuggle_te_identity_chunked_01", "desync/more-compliant-tests/Correct TE OK",
            "desync/more-compliant-tests/Transfer-Encoding: identity and chunked OK",
            "desync/more-compliant-tests/Multiple transfer encoding headers in a single request OK",
            "desync/more-compliant-tests/TE with custom parameters OK",
            "desync/rfc-compliant/Different Transfer-Encoding headers",
            "desync/rfc-compliant/Different Transfer-Encoding headers combined",
            "desync/rfc-compliant/Transfer-Encoding with a param: chunked;custom_param",
        ],
        "a target has no fragment, no user and no raw bytes beyond ASCII (RFC 9112 §3.2, RFC 9110 §4.2.4)": [
            "llhttp/uri/Fragment in URI", "llhttp/uri/`host:port` and basic auth", "gunicorn/valid/005",
            "gunicorn/valid/027", "gunicorn/valid/rfc9112_target_absolute_userinfo_01",
            "desync/rfc-compliant/Compliant URL", "desync/rfc-compliant/International in URI",
            "desync/rfc-compliant/Empty URI",
        ],
        "forbidden trailers are dropped, never merged (RFC 9110 §6.5.1)": [
            "gunicorn/invalid/rfc9110_trailer_forbidden_cl_01", "gunicorn/invalid/rfc9110_trailer_forbidden_host_01",
            "gunicorn/invalid/rfc9110_trailer_forbidden_te_01",
        ],
        "a repeated Content-Type does not touch framing": ["gunicorn/invalid/041"],
        "its body is cut short in the corpus": ["gunicorn/valid/099"],
    ]

    @Test func `agrees with llhttp, gunicorn and http-desync-guardian on what is a request`() async throws {
        var unexplained = Set(Self.differences.values.joined())
        var disagreements: [String] = []
        try await withServer(loops: 2) { _, port in
            for line in try Corpus.lines("http-requests.jsonl") {
                let test = try JSONReader.value(of: line)
                let id = try #require(test["id"]?.string)
                guard let expected = test["expect"]?.string, expected != "either" else { continue }
                let raw = latin1(try #require(test["raw"]?.string))
                let client = try RawClient(port: port)
                client.send(raw)
                client.finishSending()
                var refused = false
                var answers = 0
                while let answer = try? client.response(toHead: raw.starts(with: Array("HEAD ".utf8))) {
                    answers += 1
                    if answer.status >= 400 { refused = true }
                }
                let verdict = refused || answers == 0 ? "reject" : "accept"
                if verdict != expected, unexplained.remove(id) == nil {
                    disagreements.append("\(id): \(expected) there, \(verdict) here: \(test["raw"] ?? .null)")
                }
            }
        }
        #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
        #expect(unexplained.isEmpty, "these do not differ any more")
    }
}
