import Foundation
import HTTP
import HTTPServer
import Testing

/// Named after the faults of the reliability catalogue.
@Suite(.serialized) struct `Fault` {
    static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test func `51 out of file descriptors - sheds load and recovers`() async throws {
        try await onOwnThread { try shedAndRecover() }
    }

    private func shedAndRecover() throws {
        let server = try ServerProcess("hello", ["127.0.0.1:0"], descriptors: 64)
        defer { server.stop() }
        do {
            let crowd = try (0..<500).map { _ in try RawClient(port: server.port) }
            var served = 0
            var turnedAway = 0
            for client in crowd { client.send(Self.get) }
            for client in crowd {
                switch try? client.response().status {
                case 200: served += 1
                default: turnedAway += 1
                }
            }
            #expect(served > 0)
            #expect(turnedAway > 300)
        }
        // The crowd has gone: a newcomer is served, at the latest when its predecessors' ends have been seen.
        var status: Int?
        for _ in 0..<1000 where status != 200 {
            status = try? RawClient(port: server.port).roundTrip(Self.get).status
        }
        #expect(status == 200)
    }

    @Test func `65 drained under load - every answered request was finished, and nobody is cut off`() async throws {
        let served = Tally()
        let handler = TestHandler { _, reply in
            Task {
                served.add()
                reply.complete(with: .text("done"))
            }
            return nil
        }
        try await withServer(handler, loops: 2) { server, port in
            let acknowledged = Tally()
            let broken = Tally()
            let hasBegun = Tally()
            await withTaskGroup { group in
                for _ in 0..<8 {
                    group.addThread {
                        // A client that reconnects, until nobody listens.
                        while let client = try? RawClient(port: port) {
                            while true {
                                guard client.send(Self.get) else { break }
                                guard let answer = try? client.response() else {
                                    // Between requests a server may close (RFC 9112 §9.3.1); in an answer it may not.
                                    if !client.hasReceivedNothing { broken.add() }
                                    break
                                }
                                acknowledged.add()
                                hasBegun.add()
                                if answer["Connection"] == "close" { break }
                            }
                        }
                    }
                }
                while hasBegun.value < 200 { await Task.yield() }
                #expect(server.drain(within: 20))
            }
            #expect(broken.value == 0)
            #expect(acknowledged.value <= served.value)
            #expect(throws: RawClient.Failure.self) { try RawClient(port: port) }
        }
    }

    @Test(arguments: [
        "Content-Length: 44\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 44\r\n\r\n", "Content-Length: 0\nTransfer-Encoding: chunked\r\n\r\n",
        "X: y\r\n Content-Length: 44\r\n\r\n", "Content-Length : 44\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\n\n", "Transfer-Encoding: chunked\r\n\r\n1\r\nZ\nQ\r\n0\r\n\r\n",
        "Content-Length: +0\r\n\r\n", "X: \r\r\n\r\n",
    ])
    func `75 request smuggling - 400, closed, and no second request`(rest: String) async throws {
        let paths = Locked<[String]>([])
        let handler = TestHandler { request, _ in
            paths.withLock { $0.append(request.path) }
            return .text("ok")
        }
        try await withServer(handler) { _, port in
            let client = try RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: x\r\n\(rest)GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.response().status == 400)
            #expect(try client.receiveAll().isEmpty)
            #expect(paths.withLock { $0 }.isEmpty)
        }
    }

    @Test func `76 a thousand slow sockets - answered 408, and a healthy client is served throughout`() async throws {
        try await withServer(
            .echo, loops: 2,
            {
                $0.limits.connectionsPerAddress = 5000
                $0.limits.headerSeconds = 2
                $0.limits.bodyGraceSeconds = 2
            }
        ) { server, port in
            let slow = try (0..<1000).map { _ in try RawClient(port: port) }
            for (index, client) in slow.enumerated() {
                client.send(
                    index % 2 == 0 ? "GET / HTTP/1.1\r\nHo" : "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na"
                )
            }
            while server.metrics.connectionsAccepted < 1000 { await Task.yield() }
            let healthy = try RawClient(port: port)
            for _ in 0..<2000 { #expect(try healthy.roundTrip(Self.get).status == 200) }
            for client in slow { #expect(try client.response().status == 408) }
            #expect(try healthy.roundTrip(Self.get).status == 200)
        }
    }

    @Test(arguments: 0..<20)
    func `77 client vanishes in mid-upload - the handler never hears of it`(step: Int) async throws {
        let heard = Tally()
        let handler = TestHandler { _, _ in
            heard.add()
            return .text("ok")
        }
        for body in [
            "Content-Length: 40\r\n\r\n" + String(repeating: "a", count: 40),
            "Transfer-Encoding: chunked\r\n\r\n14\r\n" + String(repeating: "b", count: 20) + "\r\n0\r\n\r\n",
        ] {
            try await withServer(handler) { server, port in
                let message = Array("POST / HTTP/1.1\r\nHost: x\r\n\(body)".utf8)
                let client = try RawClient(port: port)
                client.send(message[..<(message.count * step / 20)])
                client.finishSending()
                #expect(try client.receiveAll().isEmpty)
                while server.metrics.connectionsOpen > 0 { await Task.yield() }
                #expect(server.metrics.bodyBytesInMemory == 0)
            }
        }
        #expect(heard.value == 0)
    }

    @Test func `10 000 idle connections cost next to nothing`() async throws {
        try await onOwnThread { try growWithIdleConnections() }
    }

    private func growWithIdleConnections() throws {
        let server = try ServerProcess("bench-http-server", ["127.0.0.1:0", "key", "task", "/dev/null", "0"])
        defer { server.stop() }
        #expect(try RawClient(port: server.port).roundTrip(Self.get).status == 404)
        let before = try server.residentBytes()
        let crowd = try (0..<9000).map { _ in
            let client = try RawClient(port: server.port)
            #expect(try client.roundTrip(Self.get).status == 404)
            return client
        }
        let growth = try server.residentBytes() - before
        #expect(growth * 10 / 9 <= 10 << 20, "\(growth >> 10) KiB for \(crowd.count) connections")
    }
}

extension TaskGroup where ChildTaskResult == Void {
    /// A task for blocking calls: a thread of its own, so that the pool is not used up.
    fileprivate mutating func addThread(_ body: @escaping @Sendable () -> Void) {
        addTask {
            await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
                Thread.detachNewThread {
                    body()
                    done.resume()
                }
            }
        }
    }
}
