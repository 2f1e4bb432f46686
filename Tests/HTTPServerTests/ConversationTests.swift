import HTTP
import HTTPServer
import Synchronization
import Testing

@Suite struct `A conversation` {
    @Test func `is kept alive over several requests`() async throws {
        try await withServer { _, port in
            let client = try RawClient(port: port)
            for index in 0..<5 {
                let answer = try client.roundTrip("GET /a\(index) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(answer.text == "GET /a\(index) ")
                #expect(answer["Connection"] == nil)
            }
        }
    }

    @Test func `asks for a body only when it is wanted`() async throws {
        var handler = TestHandler.echo
        handler.admitting = { $0.path == "/no" ? .text("no", status: 401) : nil }
        try await withServer(handler, { $0.limits.bodyBytes = 1000 }) { _, port in
            let head = { (path: String, length: Int) in
                "POST \(path) HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: \(length)\r\n\r\n"
            }
            let welcome = try RawClient(port: port)
            #expect(try welcome.roundTrip(head("/yes", 5)).status == 100)
            #expect(try welcome.roundTrip("hello").text == "POST /yes hello")

            let stranger = try RawClient(port: port)
            #expect(try stranger.roundTrip(head("/no", 5)).status == 401)
            #expect(try stranger.receiveAll().isEmpty)

            let glutton = try RawClient(port: port)
            #expect(try glutton.roundTrip(head("/yes", 1001)).status == 413)
            #expect(try glutton.receiveAll().isEmpty)

            let chunked = try RawClient(port: port)
            #expect(
                try chunked.roundTrip(
                    "POST /yes HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
                ).status == 100)
            #expect(try chunked.roundTrip("2\r\nok\r\n0\r\n\r\n").text == "POST /yes ok")
        }
    }

    @Test func `does not ask about a body that came with its head`() async throws {
        var handler = TestHandler.echo
        handler.admitting = { _ in .text("no", status: 401) }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            let whole = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
            #expect(try client.roundTrip(whole).text == "POST /a hello")
            client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhell")
            #expect(try client.response().status == 401)
        }
    }

    @Test func `goes on after a small body that nobody wanted`() async throws {
        var handler = TestHandler.echo
        handler.admitting = { $0.path == "/no" ? .text("no", status: .notFound) : nil }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            client.send("POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe")
            #expect(try client.response().status == 404)
            client.send("lloGET /next HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response().text == "GET /next ")
        }
    }

    @Test func `lets an early refusal be read while the client still sends`() async throws {
        var handler = TestHandler.echo
        handler.admitting = { _ in .text("no", status: 401) }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            client.send("POST /no HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n")
            // A client that writes everything before it reads: a reset would destroy the answer.
            #expect(client.send([UInt8](repeating: 0x61, count: 4_000_000)))
            #expect(try client.response().status == 401)
            client.finishSending()
            #expect(try client.receiveAll().isEmpty)
        }
    }

    @Test func `answers HEAD like GET, without the body`() async throws {
        try await withServer { _, port in
            let client = try RawClient(port: port)
            let answer = try client.roundTrip("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", toHead: true)
            #expect(answer["Content-Length"] == "8")
            #expect(try client.roundTrip("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").text == "GET /a ")
        }
    }

    @Test(arguments: [204, 304])
    func `gives no body with a status that forbids it`(status: Int) async throws {
        let handler = TestHandler { _, _ in HTTPResponse(HTTPStatus(status), body: .bytes([1, 2, 3])) }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            for _ in 0..<2 {
                let answer = try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(answer.status == status)
                #expect(answer["Content-Length"] == nil)
            }
        }
    }

    @Test func `with a client that has closed its sending side is finished`() async throws {
        let handler = TestHandler { request, reply in
            if request.path == "/now" { return .text("now") }
            Task { reply.complete(with: .text("later")) }
            return nil
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            client.send("GET /now HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\nHost: x\r\n\r\n")
            client.finishSending()
            #expect(try client.response().text == "now")
            #expect(try client.response().text == "later")
            #expect(try client.receiveAll().isEmpty)
        }
    }

    @Test func `names each request, in the client's words if they are sane`() async throws {
        try await withServer { _, port in
            let client = try RawClient(port: port)
            let first = try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n")["X-Request-Id"]
            let second = try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n")["X-Request-Id"]
            #expect(first?.count == 32)
            #expect(first != second)
            let named = try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: my-1\r\n\r\n")
            #expect(named["X-Request-Id"] == "my-1")
            let odd = try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\"b\r\n\r\n")
            #expect(odd["X-Request-Id"]?.count == 32)
        }
    }

    @Test func `ends after its last request`() async throws {
        try await withServer(.echo, { $0.limits.requestsPerConnection = 3 }) { _, port in
            let client = try RawClient(port: port)
            for index in 1...3 {
                let answer = try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(answer["Connection"] == (index == 3 ? "close" : nil))
            }
            #expect(try client.receiveAll().isEmpty)
        }
    }

    @Test func `has its errors in the program's own shape`() async throws {
        try await withServer(
            .echo, { $0.errorBody = { .json(Array("{\"\($0.code)\":\"\($1)\"}".utf8), status: $0.status) } }
        ) { _, port in
            let client = try RawClient(port: port)
            let answer = try client.roundTrip("GET / HTTP/1.1\r\n\r\n")
            #expect(answer.status == 400)
            #expect(answer["Content-Type"] == "application/json")
            #expect(answer.text == "{\"malformed_request\":\"\(answer["X-Request-Id"] ?? "")\"}")
        }
    }

    @Test func `carries a large body both ways, past a slow reader`() async throws {
        let handler = TestHandler { request, _ in HTTPResponse(.ok, body: .bytes(request.body)) }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port, receiveBuffer: 4096)
            let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n")
            client.send(body)
            client.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response().body == body)
            #expect(try client.response().status == 200)
        }
    }

    @Test func `in a thousand pipelined requests is answered in order`() async throws {
        try await withServer { _, port in
            let client = try RawClient(port: port)
            client.send((0..<1000).map { "GET /\($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
            for index in 0..<1000 { #expect(try client.response().text == "GET /\(index) ") }
        }
    }

    @Test func `78 mixed in one batch is answered in order, and the faulty one ends it`() async throws {
        let handler = TestHandler { request, reply in
            switch request.path {
            case "/later":
                Task { reply.complete(with: .text("later")) }
                return nil
            case "/fail": return .text("failed", status: .internalServerError)
            default: return .text(request.path)
            }
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            let get = { (path: String) in "GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n" }
            client.send(get("/a") + get("/later") + get("/fail") + get("/b") + get("/later") + get("/c"))
            client.send("BAD\r\n\r\n" + get("/never"))
            for expected in ["/a", "later", "failed", "/b", "later", "/c"] {
                #expect(try client.response().text == expected)
            }
            #expect(try client.response().status == 400)
            #expect(try client.receiveAll().isEmpty)
        }
    }
}
