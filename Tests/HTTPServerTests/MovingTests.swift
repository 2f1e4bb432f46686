import Dispatch
import Glibc
import HTTP
import Testing

@testable import HTTPServer

/// Loops by themselves, with connections put into their hands: what two loops do to each other at the worst moment
/// cannot be waited for.
@Suite struct `A connection on its way to another loop` {
    private let mailboxes: [Mailbox]
    private let core: ServerCore
    /// What a loop that is asked for `/block` says when it gets there, and what it waits for.
    private let blocked = DispatchSemaphore(value: 0)
    private let unblock = DispatchSemaphore(value: 0)

    init() throws {
        mailboxes = [try Mailbox(), try Mailbox()]
        var configuration = ServerConfiguration(listeners: [])
        configuration.limits.idleSeconds = 60
        let handler = TestHandler { [blocked, unblock] request, reply in
            switch request.path {
            case "/never": return nil
            case "/later":
                Task.detached { reply.complete(with: .text("/later")) }
                return nil
            case "/block":
                blocked.signal()
                unblock.wait()
                return .text("/block")
            default: return .text(request.path)
            }
        }
        core = ServerCore(
            configuration: configuration, limits: configuration.limits, handler: handler, tls: nil,
            mailboxes: mailboxes)
    }

    private func startLoop(_ index: Int, ended: DispatchSemaphore = DispatchSemaphore(value: 0)) throws {
        try EventLoop(index: index, core: core, mailbox: mailboxes[index], listeners: []) { ended.signal() }.start()
    }

    /// One that has been served before and comes from elsewhere; and the client's end of it.
    private func connection(idleFor milliseconds: UInt64 = 60_000) throws -> (Connection, RawClient) {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        let connection = Connection(
            descriptor: ends[0], peer: NetworkAddress(v4: 0x7f00_0001), listener: "test", isExempt: true,
            isTrusted: false, isRefused: false)
        _ = core.registry.enter(connection.peer, isExempt: true)
        connection.served = 1
        connection.deadline = EventLoop.clock(CLOCK_MONOTONIC) / 1000 + milliseconds
        return (connection, RawClient(descriptor: ends[1]))
    }

    private func ask(_ client: RawClient, _ path: String) throws -> String {
        try client.roundTrip("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n").text
    }

    @Test func `is served there, also what its client sent on the way`() throws {
        let (moving, client) = try connection()
        client.send("GET /early HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(mailboxes[0].send(moving))
        try startLoop(0)
        #expect(try client.response().text == "/early")
        #expect(try ask(client, "/next") == "/next")
        mailboxes[0].post(.stop)
        #expect(try client.receiveAll().isEmpty)
    }

    @Test func `idles no longer than it would have`() throws {
        try startLoop(0)
        let (moving, client) = try connection(idleFor: 400)
        #expect(mailboxes[0].send(moving))
        #expect(client.isReadable(within: 10))
        #expect(try client.receiveAll().isEmpty)
        mailboxes[0].post(.stop)
    }

    @Test func `is let go by a loop that ends when its last answer is given`() throws {
        let ended = DispatchSemaphore(value: 0)
        let (busy, waiting) = try connection()
        let (moving, client) = try connection()
        waiting.send("GET /never HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(mailboxes[0].send(busy))
        try startLoop(0, ended: ended)
        // Told to drain it stays, for one client waits for its answer; who comes now finds it draining.
        while !waiting.hasBeenRead { usleep(1000) }
        mailboxes[0].post(.drain)
        while !mailboxes[0].isEmpty { usleep(1000) }
        #expect(mailboxes[0].send(moving))
        #expect(client.isReadable(within: 10))
        #expect(try client.receiveAll().isEmpty)
        #expect(ended.wait(timeout: .now() + 0.1) == .timedOut)
        shutdown(waiting.descriptor, Int32(SHUT_RDWR))
        #expect(ended.wait(timeout: .now() + 10) == .success)
    }

    @Test func `is answered by a loop that would have ended but for it, and so is each of several`() throws {
        let ended = DispatchSemaphore(value: 0)
        let (last, blocking) = try connection()
        let others = try (0..<4).map { _ in try connection() }
        blocking.send("GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(mailboxes[0].send(last))
        mailboxes[0].post(.drain)
        try startLoop(0, ended: ended)
        // It drains, and finds a request that it had not been told of.
        #expect(blocked.wait(timeout: .now() + 10) == .success)
        for (index, (moving, client)) in others.enumerated() {
            if index > 0 { client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n") }
            #expect(mailboxes[0].send(moving))
        }
        unblock.signal()
        #expect(try blocking.response().text == "/block")
        for (index, (_, client)) in others.enumerated() {
            if index > 0 { #expect(try client.response().text == "/later") }
            #expect(try client.receiveAll().isEmpty)
        }
        #expect(ended.wait(timeout: .now() + 10) == .success)
        #expect(core.registry.total == 0)
    }

    @Test func `keeps a loop from ending that has just lost its last one`() throws {
        let mailbox = mailboxes[0]
        let (moving, client) = try connection()
        #expect(mailbox.send(moving))
        #expect(mailbox.retire(unlessSomebodyCame: true) == nil)
        let (_, arrivals) = mailbox.takeAll()
        #expect(arrivals.map(ObjectIdentifier.init) == [ObjectIdentifier(moving)])
        #expect(mailbox.retire(unlessSomebodyCame: true)?.isEmpty == true)
        #expect(!mailbox.send(moving))
        _ = client
    }

    @Test func `is closed with a loop that is stopped`() throws {
        let ended = DispatchSemaphore(value: 0)
        let (moving, client) = try connection()
        mailboxes[0].post(.stop)
        #expect(mailboxes[0].send(moving))
        try startLoop(0, ended: ended)
        #expect(ended.wait(timeout: .now() + 10) == .success)
        #expect(try client.receiveAll().isEmpty)
        #expect(core.registry.total == 0)
    }

    @Test func `stays where it is when the other loop has ended`() throws {
        _ = mailboxes[1].retire()
        try startLoop(0)
        // With six here and none there, each would be better off there.
        let all = try (0..<6).map { _ in try connection() }
        for (connection, _) in all {
            core.seating.enter(0)
            connection.served = 0
            #expect(mailboxes[0].send(connection))
        }
        for round in 0..<3 {
            for (_, client) in all { #expect(try ask(client, "/\(round)") == "/\(round)") }
        }
        #expect(core.seating.taken == [6, 0])
        mailboxes[0].post(.stop)
    }
}

extension Mailbox {
    /// Whether all that was posted has been taken.
    fileprivate var isEmpty: Bool {
        var event = pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) == 0
    }
}

extension RawClient {
    /// Whether the other side has taken in all that was sent.
    fileprivate var hasBeenRead: Bool {
        var count: Int32 = 0
        return ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 && count == 0
    }
}
