import Foundation
import HTTP
import HTTPServer
import Synchronization
import Testing

@Suite struct `Limits` {
    @Test func `on time to the first byte close without a word`() async throws {
        try await withServer(.echo, { $0.limits.firstByteSeconds = 0.2 }) { _, port in
            let client = try RawClient(port: port)
            #expect(try client.receiveAll().isEmpty)
        }
    }

    @Test func `on the head's time answer 408`() async throws {
        try await withServer(.echo, { $0.limits.headerSeconds = 0.2 }) { server, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
            #expect(try client.response().status == 200)
            #expect(try client.response().status == 408)
            #expect(try client.receiveAll().isEmpty)
            #expect(server.metrics.timeouts >= 1)
        }
    }

    @Test func `on the body's rate answer 408`() async throws {
        try await withServer(
            .echo,
            {
                $0.limits.bodyGraceSeconds = 0.2
                $0.limits.bodyBytesPerSecond = 1_000_000
            }
        ) { _, port in
            let client = try RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            #expect(try client.response().status == 408)
            #expect(try client.receiveAll().isEmpty)
        }
    }

    @Test func `on idle time close between requests`() async throws {
        try await withServer(.echo, { $0.limits.idleSeconds = 0.2 }) { _, port in
            let client = try RawClient(port: port)
            #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
            #expect(try client.receiveAll().isEmpty)
        }
    }

    @Test func `on connections answer 503 and let the others be`() async throws {
        try await withServer(.echo, { $0.limits.connections = 3 }) { server, port in
            let inside = try (0..<3).map { _ in try RawClient(port: port) }
            for client in inside { #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
            let outside = try RawClient(port: port)
            outside.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try outside.response()
            #expect(answer.status == 503)
            #expect(answer["Retry-After"] != nil)
            outside.finishSending()
            #expect(try outside.receiveAll().isEmpty)
            for client in inside { #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
            #expect(server.metrics.connectionsRefused == 1)
            #expect(server.metrics.connectionsOpen == 3)
        }
    }

    @Test func `on connections from one address answer 429`() async throws {
        try await withServer(.echo, loops: 2, { $0.limits.connectionsPerAddress = 2 }) { server, port in
            var inside = try (0..<2).map { _ in try RawClient(port: port) }
            for client in inside { #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
            let outside = try RawClient(port: port)
            #expect(try outside.response().status == 429)
            inside.removeLast()
            while server.metrics.connectionsOpen > 1 { await Task.yield() }
            let next = try RawClient(port: port)
            #expect(try next.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200)
        }
    }

    @Test func `on connections from one address do not bind a trusted proxy`() async throws {
        try await withServer(
            .echo,
            {
                $0.limits.connectionsPerAddress = 1
                $0.trustedProxies = [AddressRange("127.0.0.0/8")].compactMap(\.self)
            }
        ) { _, port in
            let clients = try (0..<5).map { _ in try RawClient(port: port) }
            for client in clients { #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 200) }
        }
    }

    @Test func `on all bodies together make uploads wait, then answer 503`() async throws {
        let (held, note) = AsyncStream.makeStream(of: Reply.self)
        let handler = TestHandler { _, reply in
            note.yield(reply)
            return nil
        }
        try await withServer(
            handler, loops: 2,
            {
                $0.limits.bodiesInMemoryBytes = 250_000
                $0.limits.bodyRoomSeconds = 5
            }
        ) { server, port in
            let body = [UInt8](repeating: 0x61, count: 100_000)
            let clients = try (0..<4).map { _ in try RawClient(port: port) }
            var replies = held.makeAsyncIterator()
            var promised: [Reply] = []
            for client in clients {
                client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n")
            }
            // Two fit. The others are not asked to send.
            var waiting = clients
            var admitted: [RawClient] = []
            while admitted.count < 2 {
                guard let next = waiting.firstIndex(where: { $0.isReadable(within: 0.05) }) else { continue }
                let client = waiting.remove(at: next)
                #expect(try client.response().status == 100)
                client.send(body)
                promised.append(try #require(await replies.next()))
                admitted.append(client)
            }
            #expect(waiting.allSatisfy { !$0.isReadable(within: 0.2) })
            #expect(server.metrics.bodyBytesInMemory == 200_000)
            promised[0].complete(with: .text("done"))
            // One place has come free: one of those waiting gets it, the other is turned away.
            var statuses: [Int] = []
            for client in waiting { statuses.append(try client.response().status) }
            #expect(statuses.sorted() == [100, 503])
            promised[1].complete(with: .text("done"))
            for client in admitted { #expect(try client.response().text == "done") }
            for (client, status) in zip(waiting, statuses) where status == 100 {
                client.send(body)
                let reply = try #require(await replies.next())
                reply.complete(with: .text("done"))
                #expect(try client.response().text == "done")
            }
            while server.metrics.bodyBytesInMemory > 0 { await Task.yield() }
        }
    }

    @Test func `on all bodies together make nobody wait who is refused anyhow`() async throws {
        var handler = TestHandler { _, _ in nil }
        handler.admitting = { $0.path == "/no" ? .text("no", status: 401) : nil }
        try await withServer(
            handler,
            {
                $0.limits.bodiesInMemoryBytes = 1000
                $0.limits.bodyRoomSeconds = 15
            }
        ) { server, port in
            let glutton = try RawClient(port: port)
            glutton.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nbegun")
            while server.metrics.bodyBytesInMemory < 1000 { await Task.yield() }
            // Head and body in one piece, so that the handler was not asked before there was to be room.
            let stranger = try RawClient(port: port)
            let whole = { (path: String) in "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" }
            #expect(try stranger.roundTrip(whole("/no")).status == 401)
            stranger.send(whole("/yes"))
            #expect(!stranger.isReadable(within: 0.2))
        }
    }

    @Test func `on what a client sends ahead stop the reading, not the answering`() async throws {
        let (held, note) = AsyncStream.makeStream(of: Reply.self)
        let handler = TestHandler { request, reply in
            guard request.path == "/hold" else { return .text(request.path) }
            note.yield(reply)
            return nil
        }
        try await withServer(handler) { server, port in
            let client = try RawClient(port: port)
            client.send("GET /hold HTTP/1.1\r\nHost: x\r\n\r\n")
            var replies = held.makeAsyncIterator()
            let reply = try #require(await replies.next())
            let ahead = String(repeating: "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", count: 20_000)
            let sender = Thread { client.send(ahead) }
            sender.start()
            while server.metrics.bytesReceived < 60_000 { await Task.yield() }
            reply.complete(with: .text("held"))
            #expect(try client.response().text == "held")
            for _ in 0..<20_000 { #expect(try client.response().text == "/a") }
        }
    }
}
