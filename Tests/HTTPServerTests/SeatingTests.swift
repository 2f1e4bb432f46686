import Dispatch
import Foundation
import Glibc
import HTTP
import HTTPServer
import Synchronization
import Testing

@Suite struct `The loops' connections` {
    /// Enough requests of every client for each connection to have been looked at.
    private func round(_ clients: [RawClient], _ count: Int = 17) throws {
        for number in 0..<count {
            for client in clients { client.send("GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n") }
            for client in clients { #expect(try client.response().text == "GET /\(number) ") }
        }
    }

    @Test func `are as many in each loop, however the kernel deals them out`() async throws {
        try await withServer(loops: 3) { server, port in
            // The kernel goes by their ports: it would be chance if it dealt out so many as evenly as this.
            let clients = try (0..<48).map { _ in try RawClient(port: port) }
            try round(clients)
            #expect(server.seats.reduce(0, +) == 48)
            #expect(server.seats.max()! - server.seats.min()! <= 3, "\(server.seats)")
        }
    }

    @Test func `leave a core to other work while it needs one, and come back`() async throws {
        let elsewhere = Tally()
        try await withServer(loops: 2, { $0.coresElsewhere = { elsewhere.value } }) { server, port in
            let clients = try (0..<10).map { _ in try RawClient(port: port) }
            elsewhere.add(1)
            try round(clients)
            #expect(server.seats == [10, 0])
            elsewhere.add(-1)
            try round(clients)
            #expect(abs(server.seats[0] - server.seats[1]) <= 1, "\(server.seats)")
            // One loop there is always.
            elsewhere.add(5)
            try round(clients)
            #expect(server.seats == [10, 0])
        }
    }

    @Test func `are counted until they end`() async throws {
        let elsewhere = Tally()
        try await withServer(loops: 2, { $0.coresElsewhere = { elsewhere.value } }) { server, port in
            for _ in 0..<3 {
                let clients = try (0..<10).map { _ in try RawClient(port: port) }
                try round(clients)
                elsewhere.add(1)
                try round(clients)
                elsewhere.add(-1)
                #expect(server.seats.reduce(0, +) == 10)
                for client in clients { client.reset() }
                while server.metrics.connectionsOpen > 0 { usleep(1000) }
                #expect(server.seats == [0, 0])
            }
        }
    }

    @Test func `keep their time for idling when they move`() async throws {
        let elsewhere = Tally()
        try await withServer(
            loops: 2,
            {
                $0.coresElsewhere = { elsewhere.value }
                $0.limits.idleSeconds = 3
            }
        ) { server, port in
            let clients = try (0..<10).map { _ in try RawClient(port: port) }
            try round(clients, 16)
            elsewhere.add(1)
            // The first request moves it; by the answer to the second it has arrived.
            try round(clients, 2)
            #expect(server.seats == [10, 0])
            for client in clients { #expect(try client.receiveAll().isEmpty) }
        }
    }

    @Test func `lose no request while they move to and fro, nor when the server drains meanwhile`() async throws {
        let handler = TestHandler { request, reply in
            let path = request.path
            guard path.hasSuffix("later") else { return .text(path) }
            Task.detached { reply.complete(with: .text(path)) }
            return nil
        }
        for _ in 0..<20 {
            let looks = Tally()
            // Nearly every look has another answer, so that connections move as often as they can.
            let elsewhere = { @Sendable in looks.add() / 3 % 2 }
            try await withServer(handler, loops: 2, { $0.coresElsewhere = elsewhere }) { server, port in
                let ending = Tally()
                let lost = Tally()
                let done = DispatchGroup()
                for number in 0..<6 {
                    let client = try RawClient(port: port)
                    Thread.detachNewThread(in: done) {
                        for count in 0... {
                            // Several at a time now and then, of which the others wait in the connection.
                            let end = count % 2 == 0 ? "later" : ""
                            let paths = (0...count % 3).map { "/\(number)/\(count)/\($0)\(end)" }
                            let isEnding = ending.value > 0
                            client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
                            for path in paths {
                                guard let answer = try? client.response() else {
                                    // An ending server may close on requests it has not read, but on no others.
                                    if !isEnding, ending.value == 0 { lost.add() }
                                    return
                                }
                                if answer.text != path { lost.add() }
                                if answer["Connection"] == "close" { return }
                            }
                        }
                    }
                }
                while looks.value < 30, lost.value == 0 { usleep(1000) }
                ending.add()
                #expect(server.drain(within: 10))
                done.wait()
                #expect(lost.value == 0)
            }
        }
    }
}
