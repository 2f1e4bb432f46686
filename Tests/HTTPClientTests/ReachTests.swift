import Foundation
import HTTP
import HTTPClient
import Synchronization
import Testing

/// Where a call may get to: names, kept connections and the environment cannot lead it past the egress policy.
///
/// 127.0.0.2 plays the public Internet here, 127.0.0.1 the inside.
@Suite struct ReachTests {
    private let outside = EgressPolicy(allowed: ranges("127.0.0.2/32"), allowsPlainHTTP: true)
    private let hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

    private func get(_ client: HTTPClient, _ server: FaultServer, _ policy: CallPolicy) async -> CallOutcome {
        await client.send(OutgoingRequest(.get, "http://name.example:\(server.port)/"), policy: policy)
    }

    private func addresses(_ texts: String...) -> LookupAnswer { .addresses(texts.compactMap { NetworkAddress($0) }) }

    @Test func `a name that leads inside is blocked at the connection`() async throws {
        let inside = try FaultServer.answering(hello)
        let client = try HTTPClient { _ in .addresses([NetworkAddress(v4: 0x7f00_0001)]) }
        let failure = try #require(await get(client, inside, .make(outside)).failure)
        #expect(failure.kind == .blockedAddress)
        #expect(failure.isUnsent)
        #expect(inside.connections == 0)
        #expect(!"\(failure)".contains("127"))
        #expect(!failure.diagnosis.contains("127"))
    }

    @Test(arguments: [
        "127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
        "2001:0:4136:e378::", "fd00::1", "fe80::1", "::127.0.0.1", "0.0.0.0", "224.0.0.1",
    ])
    func `a name with any refused address is blocked, the same for each`(address: String) async throws {
        let client = try HTTPClient { _ in .addresses([NetworkAddress(address)].compactMap { $0 }) }
        let request = OutgoingRequest(.get, "https://name.example/")
        let failure = try #require(await client.send(request, policy: .make(EgressPolicy())).failure)
        #expect(failure.kind == .blockedAddress)
        #expect("\(failure)" == "the URL leads to an address that is not allowed")
    }

    @Test func `open, closed and silent ports inside look alike`() async throws {
        let open = try FaultServer.answering(hello)
        let silent = try FaultServer(silentAt: "127.0.0.1")
        let closed = try FaultServer(silentAt: "127.0.0.1")
        closed.stop()
        let client = try HTTPClient { _ in .addresses([NetworkAddress(v4: 0x7f00_0001)]) }
        var failures: [CallFailure] = []
        for server in [open, silent, closed] {
            var failure = try #require(await get(client, server, .make(outside)).failure)
            failure.timings = CallTimings()
            failures.append(failure)
        }
        #expect(failures[0] == failures[1] && failures[1] == failures[2])
        #expect(open.connections + silent.connections == 0)
    }

    @Test func `of several addresses only the allowed one is contacted`() async throws {
        let public_ = try FaultServer.answering(hello, address: "127.0.0.2")
        let client = try HTTPClient { _ in
            .addresses([NetworkAddress(v4: 0x7f00_0001), NetworkAddress(v4: 0x7f00_0002)])
        }
        let answer = try await get(client, public_, .make(outside)).get()
        #expect(answer.reply.text == "hello")
        #expect(public_.connections == 1)
    }

    @Test func `an address that does not answer gives way to the next`() async throws {
        let lively = try FaultServer.answering(hello, address: "127.0.0.2")
        let deaf = try FaultServer.deaf(address: "127.0.0.3", port: lively.port)
        let client = try HTTPClient { _ in
            .addresses([NetworkAddress(v4: 0x7f00_0003), NetworkAddress(v4: 0x7f00_0002)])
        }
        let policy = CallPolicy.make { $0.connectTimeout = .seconds(1) }
        let answer = try await get(client, lively, policy).get()
        #expect(answer.reply.text == "hello")
        #expect(client.metrics.openedConnections == 2)
        #expect(client.metrics.openConnections == 1)
        deaf.stop()
    }

    @Test func `a name that turns inside between two calls is blocked`() async throws {
        let public_ = try FaultServer(address: "127.0.0.2") { peer in
            peer.request()
            peer.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello")
        }
        let asked = Atomic(0)
        let client = try HTTPClient { name in
            asked.add(1, ordering: .relaxed)
            // The second name stands for the same one asked later: the cache would answer for a minute.
            return .addresses([NetworkAddress(v4: name.hasPrefix("later") ? 0x7f00_0001 : 0x7f00_0002)])
        }
        _ = try await get(client, public_, .make(outside)).get()
        let later = OutgoingRequest(.get, "http://later.example:\(public_.port)/")
        #expect(await client.send(later, policy: .make(outside)).failure?.kind == .blockedAddress)
        #expect(asked.load(ordering: .relaxed) == 2)
    }

    @Test func `a kept connection is judged again by the policy of each call`() async throws {
        let server = try FaultServer.answering(hello, address: "127.0.0.2")
        let client = try HTTPClient()
        let request = OutgoingRequest(.get, server.url)
        let named = try HTTPClient { _ in .addresses([NetworkAddress(v4: 0x7f00_0002)]) }
        _ = try await get(named, server, .make(outside)).get()
        #expect(server.connections == 1)
        var denying = outside
        denying.denied = ranges("127.0.0.2/32")
        let failure = try #require(await get(named, server, .make(denying)).failure)
        #expect(failure.kind == .blockedAddress)
        #expect(failure.isUnsent)
        #expect(server.requests.count == 1)
        #expect(server.connections == 1)
        // And a literal address, which is judged before anything is done.
        #expect(await client.send(request, policy: .make(denying)).failure?.kind == .blockedAddress)
    }

    @Test func `a redirect does not lead inside`() async throws {
        let inside = try FaultServer.answering(hello)
        let server = try FaultServer.answering(
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:\(inside.port)/\r\nContent-Length: 0\r\n\r\n",
            address: "127.0.0.2")
        let client = try HTTPClient { _ in .addresses([NetworkAddress(v4: 0x7f00_0001)]) }
        let policy = CallPolicy.make(outside) { $0.redirects = 5 }
        let literal = try #require(await client.send(OutgoingRequest(.get, server.url), policy: policy).failure)
        #expect(literal.kind == .redirect)
        let naming = try FaultServer.answering(
            "HTTP/1.1 302 Found\r\nLocation: http://inside.example:\(inside.port)/\r\nContent-Length: 0\r\n\r\n",
            address: "127.0.0.2")
        let named = try #require(await client.send(OutgoingRequest(.get, naming.url), policy: policy).failure)
        #expect(named.kind == .blockedAddress)
        #expect(inside.connections == 0)
    }

    @Test func `proxies from the environment are not used`() async throws {
        let server = try FaultServer.answering(hello)
        let proxy = try FaultServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
        // libcurl reads these when a transfer begins. Other tests call loopback too, and must not notice either.
        for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] { setenv(name, proxy.url, 1) }
        defer { for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] { unsetenv(name) } }
        let answer = try await HTTPClient().send(OutgoingRequest(.get, server.url), policy: .make()).get()
        #expect(answer.reply.text == "hello")
        #expect(proxy.connections == 0)
    }

    @Test func `a name is looked up once for all who want it`() async throws {
        let server = try FaultServer.answering(hello, address: "127.0.0.2")
        let asked = Atomic(0)
        let gate = DispatchSemaphore(value: 0)
        let client = try HTTPClient { _ in
            asked.add(1, ordering: .relaxed)
            gate.wait()
            return .addresses([NetworkAddress(v4: 0x7f00_0002)])
        }
        let outside = outside
        await withTaskGroup(of: CallOutcome.self) { group in
            for _ in 0..<50 { group.addTask { await get(client, server, .make(outside)) } }
            while client.metrics.inFlight < 50 { await Task.yield() }
            gate.signal()
            for await outcome in group { #expect(outcome.answer?.reply.text == "hello") }
        }
        #expect(asked.load(ordering: .relaxed) == 1)
    }

    @Test func `a name nobody knows is a resolve error for all who wait, and unsent`() async throws {
        let client = try HTTPClient { _ in .none("no such name") }
        let failure = try #require(
            await client.send(OutgoingRequest(.get, "https://gone.example/"), policy: .make()).failure)
        #expect(failure.kind == .resolve)
        #expect(failure.phase == .resolving)
        #expect(failure.isUnsent)
        #expect(failure.diagnosis == "no such name")
    }

    @Test func `a resolver that hangs delays neither other names nor the end of the call`() async throws {
        let server = try FaultServer.answering(hello, address: "127.0.0.2")
        let gate = DispatchSemaphore(value: 0)
        let client = try HTTPClient { name in
            if name.hasPrefix("slow") { gate.wait() }
            return .addresses([NetworkAddress(v4: 0x7f00_0002)])
        }
        let impatient = CallPolicy.make(outside) { $0.connectTimeout = .milliseconds(100) }
        async let slow = client.send(OutgoingRequest(.get, "http://slow.example/"), policy: impatient)
        _ = try await get(client, server, .make(outside)).get()
        let failure = try #require(await slow.failure)
        #expect(failure.kind == .timeout)
        #expect(failure.phase == .resolving)
        // A canceled one does not wait either.
        let patient = CallPolicy.make(outside)
        let task = Task { await client.send(OutgoingRequest(.get, "http://slow.example/"), policy: patient) }
        while client.metrics.inFlight == 0 { await Task.yield() }
        task.cancel()
        #expect(await task.value.failure?.kind == .canceled)
        gate.signal()
    }

    @Test func `the system's resolver knows localhost`() async throws {
        let server = try FaultServer.answering(hello)
        let request = OutgoingRequest(.get, "http://localhost:\(server.port)/")
        let policy = CallPolicy.make(EgressPolicy(allowed: ranges("127.0.0.0/8"), allowsPlainHTTP: true))
        #expect(try await HTTPClient().send(request, policy: policy).get().reply.text == "hello")
    }
}
