import Dispatch
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Testing

@Suite struct `An answer given later` {
    @Test func `comes from any thread, once`() async throws {
        let handler = TestHandler { request, reply in
            for index in 0..<8 { Task.detached { reply.complete(with: .text("answer \(request.path) \(index)")) } }
            return nil
        }
        try await withServer(handler, loops: 2) { _, port in
            let clients = try (0..<20).map { _ in try RawClient(port: port) }
            for round in 0..<20 {
                for client in clients { client.send("GET /\(round) HTTP/1.1\r\nHost: x\r\n\r\n") }
                for client in clients { #expect(try client.response().text.hasPrefix("answer /\(round) ")) }
            }
        }
    }

    @Test func `may be given before the handler returns`() async throws {
        let handler = TestHandler { _, reply in
            reply.complete(with: .text("early"))
            return nil
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").text == "early")
        }
    }

    @Test func `is harmless when it was given already`() async throws {
        let handler = TestHandler { _, reply in
            reply.complete(with: .text("late"))
            return .text("now")
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            for _ in 0..<10 { #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").text == "now") }
        }
    }

    @Test func `may be awaited`() async throws {
        let handler = TestHandler { request, reply in
            reply.answer {
                await Task.yield()
                return .text("awaited \(request.path)")
            }
            return nil
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            #expect(try client.roundTrip("GET /x HTTP/1.1\r\nHost: x\r\n\r\n").text == "awaited /x")
        }
    }

    @Test func `may be awaited on the loop, wherever the waking comes from`() async throws {
        // What runs on one loop never runs at the same time.
        let (isBusy, overlaps) = (Locked(false), Locked(0))
        let section: @Sendable () -> Void = {
            if isBusy.withLock({ busy in
                defer { busy = true }
                return busy
            }) {
                overlaps.withLock { $0 += 1 }
            }
            usleep(50)
            isBusy.withLock { $0 = false }
        }
        let handler = TestHandler { request, reply in
            reply.answerHere {
                section()
                await withUnsafeContinuation { waiting in DispatchQueue.global().async { waiting.resume() } }
                section()
                return .text("awaited \(request.path)")
            }
            return nil
        }
        try await withServer(handler) { _, port in
            let clients = try (0..<20).map { _ in try RawClient(port: port) }
            for _ in 0..<20 {
                for client in clients { client.send("GET /x HTTP/1.1\r\nHost: x\r\n\r\n") }
                for client in clients { #expect(try client.response().text == "awaited /x") }
            }
        }
        #expect(overlaps.withLock { $0 } == 0)
    }

    /// Whatever it had to do besides answering must still be done.
    @Test func `that was waited for on the loop comes to its end when there is no loop any more`() async throws {
        let (waits, wait) = AsyncStream.makeStream(of: UnsafeContinuation<Void, Never>.self)
        let (ends, end) = AsyncStream.makeStream(of: Bool.self)
        let handler = TestHandler { _, reply in
            reply.answerHere {
                await withUnsafeContinuation { wait.yield($0) }
                end.yield(true)
                return .text("nobody")
            }
            return nil
        }
        var waiting: UnsafeContinuation<Void, Never>?
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            var all = waits.makeAsyncIterator()
            waiting = await all.next()
        }
        try #require(waiting).resume()
        var ended = ends.makeAsyncIterator()
        #expect(await ended.next() == true)
    }

    @Test func `is not waited for when the client leaves`() async throws {
        let (come, arrival) = AsyncStream.makeStream(of: Bool.self)
        let (left, note) = AsyncStream.makeStream(of: Reply.self)
        let handler = TestHandler { _, reply in
            reply.onClose { note.yield(reply) }
            arrival.yield(true)
            return nil
        }
        try await withServer(handler) { server, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            var arrivals = come.makeAsyncIterator()
            _ = await arrivals.next()
            client.reset()
            var departures = left.makeAsyncIterator()
            let reply = try #require(await departures.next())
            reply.complete(with: .text("nobody"))
            let (again, repeated) = AsyncStream.makeStream(of: Bool.self)
            reply.onClose { repeated.yield(true) }
            var later = again.makeAsyncIterator()
            #expect(await later.next() == true)
            let next = try RawClient(port: port)
            next.send("BAD\r\n\r\n")
            #expect(try next.response().status == 400)
            #expect(server.metrics.routes.allSatisfy { $0.statuses.allSatisfy { $0.code == 400 } })
        }
    }

    @Test func `that never comes ends in 503`() async throws {
        let handler = TestHandler { _, _ in nil }
        try await withServer(handler, { $0.limits.answerSeconds = 0.2 }) { _, port in
            let client = try RawClient(port: port)
            #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status == 503)
            #expect(try client.receiveAll().isEmpty)
        }
    }

    @Test func `never comes for a client that went half away, and it is let go`() async throws {
        let handler = TestHandler { _, _ in nil }
        try await withServer(handler, { $0.limits.halfClosedSeconds = 0.2 }) { _, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            client.finishSending()
            #expect(try client.receiveAll().isEmpty)
        }
    }
}

@Suite struct `A streamed answer` {
    static let events: Headers = ["Content-Type": "text/event-stream"]

    @Test func `comes in chunks, and the connection goes on`() async throws {
        let handler = TestHandler { request, reply in
            if request.path == "/plain" { return .text("plain") }
            let writer = reply.stream(HTTPResponse(.ok, body: .bytes(Array("first,".utf8))))
            Task {
                for index in 0..<5 { writer.write("\(index),") }
                writer.finish()
            }
            return nil
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            for _ in 0..<3 {
                let answer = try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(answer["Transfer-Encoding"] == "chunked")
                #expect(answer.text == "first,0,1,2,3,4,")
                #expect(try client.roundTrip("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").text == "plain")
            }
            let old = try RawClient(port: port)
            let answer = try old.roundTrip("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(answer["Transfer-Encoding"] == nil)
            #expect(answer["Connection"] == "close")
            #expect(answer.text == "first,0,1,2,3,4,")
            let head = try RawClient(port: port)
            #expect(try head.roundTrip("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", toHead: true).status == 200)
            #expect(try head.roundTrip("GET /plain HTTP/1.1\r\nHost: x\r\n\r\n").text == "plain")
        }
    }

    @Test func `waits for a slow reader instead of growing`() async throws {
        let total = 8 << 20
        let handler = TestHandler { _, reply in
            let writer = reply.stream(HTTPResponse())
            let sent = Tally()
            let fill: @Sendable () -> Void = {
                let piece = [UInt8](repeating: 0x78, count: 16 * 1024)
                while true {
                    if sent.add(piece.count) > total { return writer.finish() }
                    if writer.write(piece) != .ready { return }
                }
            }
            writer.onReady(fill)
            fill()
            return nil
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port, receiveBuffer: 4096)
            #expect(try client.roundTrip("GET / HTTP/1.1\r\nHost: x\r\n\r\n").body.count == total)
        }
    }

    @Test func `to a reader that never catches up is cut`() async throws {
        let (closed, note) = AsyncStream.makeStream(of: Bool.self)
        let handler = TestHandler { _, reply in
            let writer = reply.stream(HTTPResponse())
            writer.onClose { note.yield(true) }
            Task { while writer.write([UInt8](repeating: 0, count: 64 * 1024)) != .closed { await Task.yield() } }
            return nil
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port, receiveBuffer: 4096)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            var events = closed.makeAsyncIterator()
            #expect(await events.next() == true)
        }
    }

    @Test func `learns that its reader has gone`() async throws {
        let (closed, note) = AsyncStream.makeStream(of: Bool.self)
        let handler = TestHandler { _, reply in
            let writer = reply.stream(HTTPResponse(.ok, headers: Self.events))
            writer.onClose { note.yield(true) }
            writer.write(": hello\n\n")
            return nil
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(!(try client.receive()).isEmpty)
            client.reset()
            var events = closed.makeAsyncIterator()
            #expect(await events.next() == true)
        }
    }

    @Test func `of events is ended by a drain, with a proper last chunk`() async throws {
        let (opened, note) = AsyncStream.makeStream(of: BodyWriter.self)
        let handler = TestHandler { _, reply in
            let writer = reply.stream(HTTPResponse(.ok, headers: Self.events))
            writer.write("data: 1\n\n")
            note.yield(writer)
            return nil
        }
        try await withServer(handler) { server, port in
            let client = try RawClient(port: port)
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            var writers = opened.makeAsyncIterator()
            let writer = try #require(await writers.next())
            #expect(server.drain(within: 10))
            #expect(try client.response().text == "data: 1\n\n")
            #expect(try client.receiveAll().isEmpty)
            #expect(writer.isClosed)
        }
    }
}
