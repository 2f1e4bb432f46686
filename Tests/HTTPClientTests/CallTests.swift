import Foundation
import HTTP
import HTTPClient
import Synchronization
import Testing

/// Calls that go well, against a real server.
@Suite struct CallTests {
    private let client: HTTPClient
    init() throws { client = try HTTPClient() }

    private let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\nx-two:  two \r\nX-One: again\r\n\r\nhello"

    @Test func `an answer comes back whole`() async throws {
        let server = try FaultServer.answering(hello)
        let answer = try await client.send(OutgoingRequest(.get, server.url), policy: .make()).get()
        #expect(answer.reply.status == .ok)
        #expect(answer.reply.text == "hello")
        #expect(answer.reply.headers.all("X-One") == ["1", "again"])
        #expect(answer.reply.headers["X-Two"] == "two")
        #expect(answer.bodyBytes == 5)
        #expect(!answer.isCut)
        #expect(answer.url == server.url)
        #expect(answer.timings.total >= answer.timings.firstByte && answer.timings.firstByte > 0)
    }

    @Test func `a request goes out as it was written, and with nothing that was not`() async throws {
        let server = try FaultServer.answering(hello)
        let request = OutgoingRequest(
            .post, server.url + "a/../b?q=%2F", headers: ["Authorization": "Key k", "X-Empty": ""],
            body: .bytes(Array("{\"a\":1}".utf8)))
        _ = try await client.send(request, policy: .make()).get()
        let lines = try #require(server.requests.first).split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.first == "POST /a/../b?q=%2F HTTP/1.1")
        #expect(
            Set(lines.dropFirst().dropLast(2)) == [
                "Host: 127.0.0.1:\(server.port)", "User-Agent: trellis-gateway", "Accept: */*", "Authorization: Key k",
                "X-Empty:", "Content-Length: 7",
            ])
        #expect(lines.last == "{\"a\":1}")
    }

    @Test(arguments: [HTTPMethod.get, .post, .put, .patch, .delete, .options, .other("PURGE")])
    func `every method is sent by its name, with or without a body`(method: HTTPMethod) async throws {
        let server = try FaultServer.answering(hello)
        for body in [OutgoingRequest.Body.none, .bytes(Array("abc".utf8))] {
            let request = OutgoingRequest(method, server.url, body: body)
            let answer = try await client.send(request, policy: .make()).get()
            #expect(answer.reply.text == "hello")
        }
        #expect(server.requests.allSatisfy { $0.hasPrefix("\(method.name) / HTTP/1.1\r\n") })
        #expect(server.requests.map { $0.hasSuffix("\r\n\r\nabc") } == [false, true])
    }

    @Test func `HEAD asks for no body and takes none`() async throws {
        let server = try FaultServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        let answer = try await client.send(OutgoingRequest(.head, server.url), policy: .make()).get()
        #expect(answer.reply.headers["Content-Length"] == "1000")
        #expect(answer.reply.body.isEmpty)
    }

    @Test(arguments: [1, 65_536, 65_537, 3_000_000]) func `a body of any size arrives`(size: Int) async throws {
        let server = try FaultServer.answering(hello)
        let body = (0..<size).map { UInt8(truncatingIfNeeded: 32 + $0 % 90) }
        let request = OutgoingRequest(.post, server.url, body: .bytes(body))
        _ = try await client.send(request, policy: .make()).get()
        let received = try #require(server.requests.first)
        #expect(!received.lowercased().contains("expect:"))
        let start = try #require(received.range(of: "\r\n\r\n")).upperBound
        #expect(Array(received[start...].utf8) == body)
    }

    @Test func `a file is sent whole, with its length`() async throws {
        let server = try FaultServer.answering("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
        let bytes = (0..<2_000_000).map { UInt8(truncatingIfNeeded: 65 + $0 % 26) }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("upload-\(UUID())").path
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        defer { unlink(path) }
        let request = OutgoingRequest(
            .put, server.url, headers: ["Content-Type": "model/gltf-binary"], body: .file(path: path))
        let answer = try await client.send(request, policy: .make()).get()
        #expect(answer.reply.status == .created)
        let received = try #require(server.requests.first)
        #expect(received.contains("Content-Length: 2000000\r\n"))
        #expect(received.hasPrefix("PUT / "))
        #expect(!received.contains("Transfer-Encoding"))
        let start = try #require(received.range(of: "\r\n\r\n")).upperBound
        #expect(received[start...].utf8.elementsEqual(bytes))
    }

    @Test func `a file that is not there is a fault of ours, before anything is sent`() async throws {
        let server = try FaultServer.answering(hello)
        let request = OutgoingRequest(.put, server.url, body: .file(path: "/nonexistent/file"))
        let failure = try #require(await client.send(request, policy: .make()).failure)
        #expect(failure.isUnsent)
        #expect(server.connections == 0)
    }

    @Test(arguments: [
        "Content-Length", "Transfer-Encoding", "Host", "Connection", "Expect", "TE", "Upgrade", "Trailer", "Keep-Alive",
        "content-LENGTH",
    ])
    func `a header that frames the message cannot be set from outside`(name: String) async throws {
        let server = try FaultServer.answering(hello)
        let request = OutgoingRequest(.post, server.url, headers: Headers(dictionaryLiteral: (name, "1")))
        let failure = try #require(await client.send(request, policy: .make()).failure)
        #expect(failure.kind == .malformed)
        #expect(server.connections == 0)
    }

    @Test func `interim answers and trailers are not taken for the answer`() async throws {
        let server = try FaultServer.answering(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n")
        let answer = try await client.send(OutgoingRequest(.get, server.url), policy: .make()).get()
        #expect(answer.reply.status == .ok)
        #expect(answer.reply.text == "hello")
        #expect(!answer.reply.headers.contains("Link"))
        #expect(!answer.reply.headers.contains("X-Late"))
    }

    @Test func `an encoded body stays as it came`() async throws {
        let server = try FaultServer.answering(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")
        let answer = try await client.send(OutgoingRequest(.get, server.url), policy: .make()).get()
        #expect(answer.reply.text == "abc")
        #expect(try #require(server.requests.first).contains("Accept-Encoding") == false)
    }

    @Test func `a successful body goes to the file, another one stays in memory`() async throws {
        let good = try FaultServer.answering(hello)
        let bad = try FaultServer.answering("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone")
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("download-\(UUID())").path
        let descriptor = open(path, O_CREAT | O_RDWR | O_EXCL, 0o600)
        defer {
            close(descriptor)
            unlink(path)
        }
        let first = try await client.send(
            OutgoingRequest(.get, good.url), policy: .make(), into: .file(descriptor: descriptor)
        ).get()
        #expect(first.bodyBytes == 5)
        #expect(first.reply.body.isEmpty)
        let second = try await client.send(
            OutgoingRequest(.get, bad.url), policy: .make(), into: .file(descriptor: descriptor)
        ).get()
        #expect(second.reply.text == "gone")
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "hello")
    }

    @Test func `a file that cannot be written ends the call`() async throws {
        let server = try FaultServer.answering(hello)
        let full = open("/dev/full", O_WRONLY)
        defer { close(full) }
        let failure = try #require(
            await client.send(OutgoingRequest(.get, server.url), policy: .make(), into: .file(descriptor: full)).failure
        )
        #expect(failure.kind == .file)
        #expect(failure.phase == .receiving)
        let closed = try #require(
            await client.send(OutgoingRequest(.get, server.url), policy: .make(), into: .file(descriptor: 999_999))
                .failure)
        #expect(closed.kind == .file)
        #expect(closed.isUnsent)
    }

    @Test func `a stream gets the bytes as they come and may want no more`() async throws {
        let server = try FaultServer.answering(hello)
        let seen = Mutex<[UInt8]>([])
        let answer = try await client.send(
            OutgoingRequest(.get, server.url), policy: .make(),
            into: .stream { bytes in
                seen.withLock { $0 += bytes }
                return true
            }
        ).get()
        #expect(answer.bodyBytes == 5)
        #expect(seen.withLock { $0 } == Array("hello".utf8))
        let failure = try #require(
            await client.send(OutgoingRequest(.get, server.url), policy: .make(), into: .stream { _ in false }).failure)
        #expect(failure.kind == .canceled)
    }

    @Test func `a connection is kept for the next request, a paid one gets its own`() async throws {
        let server = try FaultServer.answering(hello)
        for _ in 0..<5 { _ = try await client.send(OutgoingRequest(.get, server.url), policy: .make()).get() }
        #expect(server.connections == 1)
        // A POST must not run into a connection that dies under it.
        _ = try await client.send(OutgoingRequest(.post, server.url), policy: .make()).get()
        #expect(server.connections == 2)
        let webhook = CallPolicy.make { $0.resending = .always }
        _ = try await client.send(OutgoingRequest(.post, server.url), policy: webhook).get()
        #expect(server.connections == 2)
        #expect(client.metrics.openedConnections == 2)
    }

    @Test func `an IPv6 address is judged and called like any other`() async throws {
        // Nobody listens there; and a machine without IPv6 says the same.
        let closed = try FaultServer(silentAt: "127.0.0.1")
        closed.stop()
        let policy = CallPolicy.make(EgressPolicy(allowed: ranges("::1/128"), allowsPlainHTTP: true))
        let failure = try #require(
            await client.send(OutgoingRequest(.get, "http://[::1]:\(closed.port)/"), policy: policy).failure)
        #expect(failure.kind == .connect)
        let blocked = try #require(
            await client.send(OutgoingRequest(.get, "http://[::1]:\(closed.port)/"), policy: .make()).failure)
        #expect(blocked.kind == .blockedAddress)
    }

    @Test func `redirects are not followed unless allowed`() async throws {
        let target = try FaultServer.answering(hello)
        let server = try FaultServer.answering(
            "HTTP/1.1 302 Found\r\nLocation: \(target.url)\r\nContent-Length: 0\r\n\r\n")
        let plain = try await client.send(OutgoingRequest(.get, server.url), policy: .make()).get()
        #expect(plain.reply.status == .found)
        #expect(target.connections == 0)
        let follow = CallPolicy.make { $0.redirects = 1 }
        let request = OutgoingRequest(.get, server.url, headers: ["Authorization": "Key k", "Accept": "image/*"])
        let followed = try await client.send(request, policy: follow).get()
        #expect(followed.reply.text == "hello")
        #expect(followed.url == target.url)
        let seen = try #require(target.requests.first)
        #expect(!seen.contains("Authorization") && seen.contains("Accept: image/*"))
        let post = try await client.send(OutgoingRequest(.post, server.url), policy: follow).get()
        #expect(post.reply.status == .found)
    }

    @Test func `a redirect that goes round ends`() async throws {
        let server = try FaultServer.answering(
            "HTTP/1.1 307 Temporary\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")
        let failure = try #require(
            await client.send(OutgoingRequest(.get, server.url), policy: .make { $0.redirects = 3 }).failure)
        #expect(failure.kind == .redirect)
        #expect(server.requests.count == 4)
        #expect(failure.phase == .receiving)
    }

    @Test func `a closed client refuses, after ending what is in flight`() async throws {
        let server = try FaultServer(silentAt: "127.0.0.1")
        let own = try HTTPClient()
        async let pending = own.send(OutgoingRequest(.get, server.url), policy: .make())
        while own.metrics.inFlight == 0 { await Task.yield() }
        await own.close()
        #expect(await pending.failure?.kind == .canceled)
        #expect(await own.send(OutgoingRequest(.get, server.url), policy: .make()).failure?.kind == .closed)
        await own.close()
        await own.drain()
    }

    @Test func `metrics add up, and draining waits for the last call`() async throws {
        let server = try FaultServer.answering(hello)
        let own = try HTTPClient()
        for index in 0..<20 {
            let url = index.isMultiple(of: 4) ? "http://10.0.0.1/" : server.url
            own.start(OutgoingRequest(.get, url), policy: .make()) { _ in }
        }
        await own.drain()
        await own.drain()
        let metrics = own.metrics
        #expect(metrics.started == 20)
        #expect(metrics.answered == 15)
        #expect(metrics.failed == [.blockedAddress: 5])
        #expect(metrics.inFlight == 0)
        #expect(metrics.receivedBodyBytes == 75)
    }
}
