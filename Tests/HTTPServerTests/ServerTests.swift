import Foundation
import HTTP
import HTTPServer
import Testing

@Suite struct `A server` {
    @Test func `is a hello-world of twenty lines`() async throws {
        let source = try String(contentsOf: here.appendingPathComponent("examples/hello/main.swift"), encoding: .utf8)
        #expect(source.split(separator: "\n").count <= 20)
        try await onOwnThread {
            let server = try ServerProcess("hello", ["127.0.0.1:0"])
            defer { server.stop() }
            let client = try RawClient(port: server.port)
            #expect(try client.roundTrip("GET /you HTTP/1.1\r\nHost: x\r\n\r\n").text == "Hello from /you\n")
        }
    }

    private var here: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    @Test func `listens on several addresses of every kind, and tells them apart`() async throws {
        let directory = try TemporaryDirectory()
        let socket = directory.path + "/s"
        let handler = TestHandler { request, _ in .text("\(request.listener) \(request.peer) \(request.isSecure)") }
        try await withServer(
            handler, loops: 2,
            {
                $0.listeners.append(.init(.tcp(NetworkAddress(v4: 0x7f00_0001)), label: "admin"))
                $0.listeners.append(.init(.unix(path: socket), label: "local"))
            }
        ) { server, port in
            let ask = { (client: RawClient) in try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").text }
            let plain = try RawClient(port: port)
            #expect(try ask(plain) == "public 127.0.0.1 false")
            let admin = try RawClient(port: try #require(server.port(of: "admin")))
            #expect(try ask(admin) == "admin 127.0.0.1 false")
            for _ in 0..<8 {
                let local = try RawClient(unixPath: socket)
                #expect(try ask(local) == "local unix false")
            }
            server.stop()
            #expect(!FileManager.default.fileExists(atPath: socket))
        }
    }

    @Test func `listens on IPv6`() async throws {
        let handler = TestHandler { request, _ in .text("\(request.peer)") }
        try await withServer(
            handler, { $0.listeners = [.init(.tcp(NetworkAddress(high: 0, low: 1)))] }
        ) { _, port in
            let answer = try shell("curl -sS --max-time 10 'http://[::1]:\(port)/'")
            #expect(answer == Array("::1".utf8))
        }
    }

    @Test func `does not share its port with another by accident`() async throws {
        try await withServer { _, port in
            let second = HTTPServer(
                configuration: ServerConfiguration(.tcp(NetworkAddress(v4: 0x7f00_0001, port: port))),
                handler: TestHandler.echo)
            #expect { try second.start() } throws: { "\($0)".contains("127.0.0.1:\(port)") }
        }
    }

    @Test func `takes over a socket file that a dead server left, and no other`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/s"
        let configuration = ServerConfiguration(.unix(path: path))
        _ = try shell("python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"\(path)\")'")
        let server = HTTPServer(configuration: configuration, handler: TestHandler.echo)
        try server.start()
        #expect(throws: ServerError.self) {
            try HTTPServer(configuration: configuration, handler: TestHandler.echo).start()
        }
        await onOwnThread { server.stop() }
    }

    @Test func `drained closes idle connections and accepts no more`() async throws {
        try await withServer(.echo, loops: 2) { server, port in
            let idle = try (0..<20).map { _ in try RawClient(port: port) }
            for client in idle { #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
            #expect(server.drain(within: 10))
            for client in idle { #expect(try client.receiveAll().isEmpty) }
            #expect(throws: RawClient.Failure.self) { try RawClient(port: port) }
        }
    }

    @Test func `drained waits for a promised answer, and says close in it`() async throws {
        let (held, note) = AsyncStream.makeStream(of: Reply.self)
        let handler = TestHandler { _, reply in
            note.yield(reply)
            return nil
        }
        try await withServer(handler) { server, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            var replies = held.makeAsyncIterator()
            let reply = try #require(await replies.next())
            let drained = Locked<Bool?>(nil)
            let done = DispatchGroup()
            Thread.detachNewThread(in: done) {
                let isClean = server.drain(within: 10)
                drained.withLock { $0 = isClean }
            }
            while (try? RawClient(port: port)) != nil { usleep(2000) }
            #expect(drained.withLock { $0 } == nil)
            reply.complete(with: .text("at last"))
            let answer = try client.response()
            #expect(answer.text == "at last")
            #expect(answer["Connection"] == "close")
            #expect(try client.receiveAll().isEmpty)
            done.wait()
            #expect(drained.withLock { $0 } == true)
        }
    }

    @Test func `drained cuts off what takes too long`() async throws {
        let handler = TestHandler { _, _ in nil }
        try await withServer(handler) { server, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            while server.metrics.bytesReceived == 0 { sched_yield() }
            #expect(!server.drain(within: 0.2))
            #expect(throws: (any Error).self) { try client.response() }
        }
    }

    @Test func `believes the proxies it trusts and no one else`() async throws {
        let handler = TestHandler { request, _ in .text("\(request.client) \(request.isSecure)") }
        func asked(_ port: UInt16, _ fields: String) throws -> String {
            try RawClient(port: port).roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n").text
        }
        try await withServer(handler) { _, port in
            let answer = try asked(port, "X-Forwarded-For: 192.0.2.1\r\n")
            #expect(answer == "127.0.0.1 false")
        }
        let trusted = ["127.0.0.1", "10.0.0.0/8"].compactMap(AddressRange.init)
        let cases = [
            ("", "127.0.0.1 false"),
            ("X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1 false"),
            ("X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.1.1.1\r\n", "192.0.2.1 false"),
            ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1 false"),
            ("X-Forwarded-For: 192.0.2.1, nonsense\r\n", "127.0.0.1 false"),
            ("X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n", "192.0.2.1 true"),
            // What the proxy beside us added stands last; what stands before it anybody may have sent.
            ("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n", "127.0.0.1 false"),
            ("X-Forwarded-Proto: http, https\r\n", "127.0.0.1 true"),
            ("Forwarded: for=192.0.2.9\r\nX-Forwarded-For: 6.6.6.6\r\n", "192.0.2.9 false"),
        ]
        try await withServer(handler, { $0.trustedProxies = trusted }) { _, port in
            for (fields, expected) in cases {
                let answer = try asked(port, fields)
                #expect(answer == expected, "\(fields)")
            }
        }
    }

    @Test func `counts by route and status, never by path`() async throws {
        let handler = TestHandler { request, _ in
            var answer = HTTPResponse.text("x", status: request.path == "/echo/7" ? .ok : .notFound)
            if request.path.hasPrefix("/echo/") { answer.route = Route(rawValue: 0) }
            return answer
        }
        try await withServer(handler, loops: 2) { server, port in
            let client = try RawClient(port: port)
            for path in ["/echo/7", "/echo/7", "/echo/8", "/wild/1", "/wild/2"] {
                _ = try client.roundTrip("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
            }
            let metrics = server.metrics
            #expect(metrics.routes.map(\.route) == ["/echo", "/", "unmatched"])
            #expect(metrics.routes[0].statuses.map { "\($0.code):\($0.count)" } == ["200:2", "404:1"])
            #expect(metrics.routes[2].statuses.map { "\($0.code):\($0.count)" } == ["404:2"])
            #expect(metrics.routes[0].buckets.reduce(0, +) == 3)
            #expect(metrics.connectionsAccepted == 1)
            #expect(metrics.connectionsOpen == 1)
            #expect(metrics.bytesSent > 500)
        }
    }

    @Test func `tells its access log of every request, or of some, and of its own errors always`() async throws {
        let lines = Locked<[String]>([])
        let log = { (every: Int) in
            AccessLog(sampleEvery: every) { entry in
                lines.withLock { $0.append("\(entry.method) \(entry.path) \(entry.status) \(entry.bodyBytes)") }
            }
        }
        let handler = TestHandler { request, _ in
            request.path == "/boom" ? .text("boom", status: .internalServerError) : .text("fine")
        }
        for (every, expected) in [(1, ["GET /0 200 4", "GET /boom 500 4", "GET /1 200 4"]), (0, ["GET /boom 500 4"])] {
            lines.withLock { $0 = [] }
            try await withServer(handler, { $0.accessLog = log(every) }) { _, port in
                let client = try RawClient(port: port)
                for path in ["/0", "/boom", "/1"] {
                    _ = try client.roundTrip("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                }
            }
            #expect(lines.withLock { $0 } == expected)
        }
    }

    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1:8080"), ("[::1]:80", "[::1]:80"), (":9000", "[::]:9000"),
        ("localhost:1", "127.0.0.1:1"),
        ("unix:/tmp/s", "unix:/tmp/s"), ("0.0.0.0:0", "0.0.0.0:0"),
    ])
    func `reads an address`(text: String, expected: String) { #expect(ListenAddress(text)?.description == expected) }

    @Test(arguments: [
        "", "8080", "127.0.0.1", "host.example:80", "[::1]", "::1:80", "unix:", "127.0.0.1:x", "1.2.3.4:70000",
    ])
    func `refuses what is no address`(text: String) { #expect(ListenAddress(text) == nil) }
}

extension Thread {
    static func detachNewThread(in group: DispatchGroup, _ body: @escaping @Sendable () -> Void) {
        group.enter()
        detachNewThread {
            body()
            group.leave()
        }
    }
}
