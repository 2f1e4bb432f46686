import Foundation
import HTTP
import HTTPClient
import Synchronization
import Testing

/// Many at once, and much at once: what a call costs while it waits, and that nothing grows.
@Suite(.serialized) struct LoadTests {
    @Test func `a thousand calls in flight share one thread, and one more is answered beside them`() async throws {
        let silent = try FaultServer(silentAt: "127.0.0.1")
        let lively = try FaultServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        let client = try HTTPClient(name: "thousand")
        let ended = Atomic(0)
        let patient = CallPolicy.make { $0.totalTimeout = .seconds(600) }
        let calls = (0..<1000).map { _ in
            client.start(OutgoingRequest(.get, silent.url), policy: patient) { outcome in
                #expect(outcome.failure?.kind == .canceled)
                #expect(outcome.failure?.phase == .sent)
                ended.add(1, ordering: .relaxed)
            }
        }
        while silent.connections < 1000 { await Task.yield() }
        #expect(client.metrics.inFlight == 1000)
        for _ in 0..<20 {
            _ = try await client.send(OutgoingRequest(.get, lively.url), policy: .make()).get()
        }
        #expect(threads(named: "thousand") == 1)
        for call in calls { call.cancel() }
        await client.drain()
        #expect(ended.load(ordering: .relaxed) == 1000)
        #expect(client.metrics.inFlight == 0)
        await client.close()
    }

    @Test func `a thousand names are looked up by a bounded number of threads`() async throws {
        let most = Atomic(0)
        let now = Atomic(0)
        let client = try HTTPClient { _ in
            let running = now.add(1, ordering: .relaxed).newValue
            _ = most.max(running, ordering: .relaxed)
            Thread.sleep(forTimeInterval: 0.001)
            now.subtract(1, ordering: .relaxed)
            return .none("no such name")
        }
        await withTaskGroup(of: CallOutcome.self) { group in
            for index in 0..<1000 {
                group.addTask {
                    await client.send(OutgoingRequest(.get, "http://host\(index).example/"), policy: .make())
                }
            }
            for await outcome in group { #expect(outcome.failure?.kind == .resolve) }
        }
        #expect((2...32).contains(most.load(ordering: .relaxed)))
    }

    @Test func `a call too many is refused, unsent`() async throws {
        let silent = try FaultServer(silentAt: "127.0.0.1")
        var limits = ClientLimits()
        limits.callsInFlight = 10
        let client = try HTTPClient(limits: limits)
        let refused = Atomic(0)
        for _ in 0..<15 {
            client.start(OutgoingRequest(.get, silent.url), policy: .make()) { outcome in
                if outcome.failure?.kind == .overloaded { refused.add(1, ordering: .relaxed) }
            }
        }
        while client.metrics.started < 15 { await Task.yield() }
        #expect(client.metrics.inFlight == 10)
        await client.close()
        #expect(refused.load(ordering: .relaxed) == 5)
    }

    @Test func `a gigabyte passes through without being held`() async throws {
        let total = 1 << 30
        let server = try FaultServer { peer in
            peer.request()
            peer.write("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            let chunk = [UInt8](repeating: 7, count: 1 << 18)
            for _ in 0..<(total / chunk.count) where !peer.write(chunk) { return }
        }
        let sink = open("/dev/null", O_WRONLY)
        defer { close(sink) }
        let client = try HTTPClient()
        let policy = CallPolicy.make { $0.body = .fail(above: 2 << 30) }
        let before = peakMemory()
        let answer = try await client.send(
            OutgoingRequest(.get, server.url), policy: policy, into: .file(descriptor: sink)
        ).get()
        #expect(answer.bodyBytes == Int64(total))
        #expect(peakMemory() - before < 64 << 20)
    }

    @Test func `what must not be sent twice opens its own connection, and few of those are kept`() async throws {
        let server = try FaultServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        var limits = ClientLimits()
        limits.idleConnections = 4
        let client = try HTTPClient(limits: limits)
        for _ in 0..<40 { _ = try await client.send(OutgoingRequest(.post, server.url), policy: .make()).get() }
        #expect(client.metrics.openedConnections == 40)
        #expect(client.metrics.openConnections <= 6)
    }

    @Test func `connections that fail leave no descriptor behind`() async throws {
        let closed = try FaultServer(silentAt: "127.0.0.1")
        closed.stop()
        let reset = try FaultServer { $0.reset() }
        let client = try HTTPClient()
        for _ in 0..<200 {
            _ = await client.send(OutgoingRequest(.get, closed.url), policy: .make())
            _ = await client.send(OutgoingRequest(.post, reset.url), policy: .make())
        }
        #expect(client.metrics.openedConnections >= 400)
        // libcurl keeps a connection that died while it was written to, and clears those out once a second, when it
        // is asked for another.
        let end = ContinuousClock.now + .seconds(20)
        while client.metrics.openConnections > 0, ContinuousClock.now < end {
            _ = await client.send(OutgoingRequest(.get, closed.url), policy: .make())
        }
        #expect(client.metrics.openConnections == 0)
    }

    private func threads(named name: String) -> Int {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.count { task in
            let comm = try? String(contentsOfFile: "/proc/self/task/\(task)/comm", encoding: .utf8)
            return comm == name + "\n"
        }
    }

    /// The process's largest resident size so far, in bytes. Others run beside us, so only large steps count.
    private func peakMemory() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
