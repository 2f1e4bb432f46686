import Foundation
import HTTP
import HTTPClient
import Synchronization
import Testing

/// Servers that do what good servers never do, and what the client makes of it: what kind of failure, and how far
/// the call had got.
@Suite struct FaultTests {
    private let client: HTTPClient
    init() throws { client = try HTTPClient() }

    private func failure(
        of script: @escaping @Sendable (FaultServer.Peer) -> Void, _ policy: CallPolicy = .make()
    ) async throws -> CallFailure {
        let server = try FaultServer(script)
        return try #require(await client.send(OutgoingRequest(.get, server.url), policy: policy).failure)
    }

    private func failure(answering text: String) async throws -> CallFailure {
        try await failure(of: { peer in
            peer.request()
            peer.write(text)
        })
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nX: y", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    ])
    func `an answer cut inside its head is truncated`(text: String) async throws {
        let failure = try await failure(answering: text)
        #expect(failure.kind == .truncated)
        #expect(failure.phase == .receiving)
        #expect(!failure.isUnsent)
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ])
    func `an answer cut inside its body is truncated`(text: String) async throws {
        let failure = try await failure(answering: text)
        #expect(failure.kind == .truncated)
        #expect(failure.status == .ok)
    }

    @Test(arguments: [
        "hello\r\n\r\n", "\u{16}\u{3}\u{1}", "SSH-2.0-x\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/9.9 200\r\n\r\n",
    ])
    func `what is not HTTP is garbled`(text: String) async throws {
        let failure = try await failure(answering: text)
        #expect(failure.kind == .garbled || failure.kind == .truncated)
        #expect(failure.phase >= .sent)
    }

    @Test func `a broken chunk size is an error, not an end`() async throws {
        let failure = try await failure(answering: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello")
        #expect([.truncated, .garbled].contains(failure.kind))
        #expect(failure.phase == .receiving)
    }

    @Test func `a connection closed without a word is reset, after the point of no return`() async throws {
        let closed = try await failure(of: { $0.request() })
        #expect(closed.kind == .reset)
        #expect(closed.phase == .sent)
        let reset = try await failure(of: { peer in
            peer.request()
            peer.reset()
        })
        #expect(reset.kind == .reset)
        #expect(reset.phase == .sent)
    }

    @Test func `a reset inside the body is truncated`() async throws {
        // Sent earlier, the reset would overtake the bytes before it.
        let hasArrived = DispatchSemaphore(value: 0)
        let server = try FaultServer { peer in
            peer.request()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
            hasArrived.wait()
            peer.reset()
        }
        let sink = BodySink.stream { _ in
            hasArrived.signal()
            return true
        }
        let outcome = await client.send(OutgoingRequest(.get, server.url), policy: .make(), into: sink)
        let failure = try #require(outcome.failure)
        #expect(failure.kind == .truncated)
        #expect(failure.phase == .receiving)
    }

    @Test func `a port where nobody listens is a connect error, and the request is unsent`() async throws {
        let server = try FaultServer(silentAt: "127.0.0.1")
        server.stop()
        let failure = try #require(await client.send(OutgoingRequest(.get, server.url), policy: .make()).failure)
        #expect(failure.kind == .connect)
        #expect(failure.phase == .connecting)
        #expect(failure.isUnsent)
    }

    @Test func `a silent server runs into the total timeout, after the point of no return`() async throws {
        let server = try FaultServer(silentAt: "127.0.0.1")
        let policy = CallPolicy.make { $0.totalTimeout = .seconds(1) }
        let failure = try #require(await client.send(OutgoingRequest(.get, server.url), policy: policy).failure)
        #expect(failure.kind == .timeout)
        #expect(failure.phase == .sent)
        // libcurl counts whole milliseconds.
        #expect(failure.timings.total >= 999_000)
    }

    @Test func `a server that never finishes the TLS handshake runs into the connect timeout, unsent`() async throws {
        let server = try FaultServer(silentAt: "127.0.0.1")
        let policy = CallPolicy.make { $0.connectTimeout = .milliseconds(150) }
        let request = OutgoingRequest(.get, "https://127.0.0.1:\(server.port)/")
        let failure = try #require(await client.send(request, policy: policy).failure)
        #expect(failure.kind == .timeout)
        #expect(failure.phase == .connecting)
        #expect(failure.isUnsent)
    }

    @Test func `a slow drip ends at the total timeout`() async throws {
        let failure = try await failure(
            of: { peer in
                peer.request()
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                while peer.write("x") { Thread.sleep(forTimeInterval: 0.02) }
            }, .make { $0.totalTimeout = .seconds(2) })
        #expect(failure.kind == .timeout)
        #expect(failure.phase == .receiving)
        #expect(failure.status == .ok)
    }

    @Test func `a slow drip inside the head ends at the total timeout`() async throws {
        let failure = try await failure(
            of: { peer in
                peer.request()
                peer.write("HTTP/1.1 200 OK\r\n")
                while peer.write("X: y\r\n") { Thread.sleep(forTimeInterval: 0.02) }
            }, .make { $0.totalTimeout = .milliseconds(300) })
        #expect(failure.kind == .timeout)
    }

    @Test func `a transfer that crawls ends long before its total timeout`() async throws {
        let failure = try await failure(
            of: { peer in
                peer.request()
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while peer.write("x") { Thread.sleep(forTimeInterval: 0.05) }
            },
            .make {
                $0.totalTimeout = .seconds(300)
                $0.stall = .init(bytesPerSecond: 1000, seconds: 1)
            })
        #expect(failure.kind == .timeout)
        #expect(failure.phase == .receiving)
    }

    @Test func `an endless body ends at the limit, an announced one before its first byte`() async throws {
        let script: @Sendable (FaultServer.Peer) -> Void = { peer in
            peer.request()
            peer.write("HTTP/1.1 200 OK\r\n\r\n")
            let chunk = [UInt8](repeating: 120, count: 1 << 16)
            while peer.write(chunk) {}
        }
        let endless = try await failure(of: script, .make { $0.body = .fail(above: 1 << 20) })
        #expect(endless.kind == .tooLarge)
        #expect(endless.status == .ok)
        let announced = try await failure(answering: "HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\n\r\nx")
        #expect(announced.kind == .tooLarge)
        let chunked = try await failure(
            of: { peer in
                peer.request()
                peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while peer.write("4000\r\n" + String(repeating: "x", count: 0x4000) + "\r\n") {}
            }, .make { $0.body = .fail(above: 1 << 20) })
        #expect(chunked.kind == .tooLarge)
    }

    @Test func `a cut policy keeps the first bytes of an endless answer and calls it answered`() async throws {
        let server = try FaultServer { peer in
            peer.request()
            peer.write("HTTP/1.1 202 Accepted\r\n\r\n")
            while peer.write(String(repeating: "0123456789", count: 1000)) {}
        }
        let policy = CallPolicy.make { $0.body = .cut(at: 16 << 10) }
        let answer = try await client.send(OutgoingRequest(.get, server.url), policy: policy).get()
        #expect(answer.reply.status == .accepted)
        #expect(answer.isCut)
        #expect(answer.reply.body.count == 16 << 10)
        #expect(answer.reply.text.hasPrefix("01234567890123"))
        let exact = try FaultServer.answering(
            "HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + String(repeating: "x", count: 16384))
        let whole = try await client.send(OutgoingRequest(.get, exact.url), policy: policy).get()
        #expect(!whole.isCut && whole.reply.body.count == 16384)
    }

    @Test func `endless headers end at their limit`() async throws {
        let many = try await failure(of: { peer in
            peer.request()
            peer.write("HTTP/1.1 200 OK\r\n")
            while peer.write("X-Header: " + String(repeating: "y", count: 1000) + "\r\n") {}
        })
        #expect(many.kind == .tooLarge)
        let long = try await failure(of: { peer in
            peer.request()
            peer.write("HTTP/1.1 200 OK\r\nX: ")
            while peer.write(String(repeating: "y", count: 1000)) {}
        })
        #expect([.tooLarge, .garbled, .internal].contains(long.kind))
        let interim = try await failure(of: { peer in
            peer.request()
            while peer.write("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n") {}
        })
        #expect(interim.kind == .tooLarge)
    }

    @Test(arguments: ["Content-Encoding: gzip", "Transfer-Encoding: gzip"])
    func `a compression bomb is not unpacked`(coding: String) async throws {
        let bomb = try Program("sh -c 'head -c 100000000 /dev/zero | gzip -9'").bytes()
        #expect(bomb.count > 10_000)
        let server = try FaultServer { peer in
            peer.request()
            peer.write(Array("HTTP/1.1 200 OK\r\n\(coding)\r\n\r\n".utf8) + bomb)
        }
        let policy = CallPolicy.make { $0.body = .fail(above: 1 << 20) }
        let outcome = await client.send(OutgoingRequest(.get, server.url), policy: policy)
        #expect(outcome.failure?.kind == .tooLarge || outcome.answer?.bodyBytes == Int64(bomb.count))
    }

    @Test func `a canceled task ends its call, before and after it is sent`() async throws {
        let server = try FaultServer(silentAt: "127.0.0.1")
        let client = client
        let task = Task { await client.send(OutgoingRequest(.get, server.url), policy: .make()) }
        while server.connections == 0 { await Task.yield() }
        task.cancel()
        #expect(await task.value.failure?.kind == .canceled)
        let early = Task {
            while !Task.isCancelled { await Task.yield() }
            return await client.send(OutgoingRequest(.get, server.url), policy: .make())
        }
        early.cancel()
        #expect(await early.value.failure?.kind == .canceled)
        #expect(server.connections == 1)
    }

    @Test func `a request that must go out once is not sent again when a kept connection turns out dead`() async throws
    {
        let seen = Atomic(0)
        let server = try FaultServer { peer in
            while peer.request() != nil {
                // Answers the first on each connection, and dies reading the second.
                if seen.wrappingAdd(1, ordering: .relaxed).oldValue.isMultiple(of: 2) {
                    peer.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                } else {
                    return
                }
            }
        }
        _ = try await client.send(OutgoingRequest(.get, server.url), policy: .make()).get()
        // The same over a kept connection, with a policy that lets libcurl try again: it does, and is answered.
        let again = CallPolicy.make { $0.resending = .always }
        _ = try await client.send(OutgoingRequest(.post, server.url), policy: again).get()
        #expect(server.requests.count == 3)
        // Without leave it uses a connection of its own, which cannot be stale; its request goes out once.
        _ = await client.send(OutgoingRequest(.post, server.url), policy: .make())
        #expect(server.requests.count == 4)
    }
}
