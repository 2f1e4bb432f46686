import HTTP
import Testing

@Suite struct `A reply given later` {
    /// An outlet that only writes down what it is told.
    final class Ledger: ReplyOutlet {
        let messages = Locked<[String]>([])

        func post(_ message: ReplyMessage, for token: Reply.Token) {
            let word =
                switch message {
                case .complete(let response): "complete \(response.status)"
                case .open: "open"
                case .chunk(let bytes, _): "chunk \(bytes.count)"
                case .finish: "finish"
                case .watch: "watch"
                case .abandon: "abandon"
                }
            messages.withLock { $0.append(word) }
        }
    }

    let ledger = Ledger()
    var reply: Reply { Reply(token: .init(connection: 1, generation: 1), outlet: ledger) }

    @Test func `streams, and tells when the client falls behind`() {
        let writer = reply.stream(HTTPResponse())
        let ready = Locked(0)
        writer.onReady { ready.withLock { $0 += 1 } }
        #expect(writer.write("abc") == .ready)
        #expect(writer.write([UInt8](repeating: 0, count: BodyWriter.highWaterBytes)) == .full)
        writer.drained(3)
        #expect(ready.withLock { $0 } == 0)
        writer.drained(1)
        #expect(ready.withLock { $0 } == 1)
        writer.finish()
        writer.finish()
        #expect(writer.write("late") == .closed)
        #expect(ledger.messages.withLock { $0 } == ["open", "chunk 3", "chunk 65536", "finish"])
    }

    @Test func `tells whoever asks late that the client has caught up already, once`() {
        let writer = reply.stream(HTTPResponse())
        let ready = Locked(0)
        #expect(writer.write([UInt8](repeating: 0, count: BodyWriter.highWaterBytes)) == .full)
        writer.drained(BodyWriter.highWaterBytes)
        writer.onReady { ready.withLock { $0 += 1 } }
        #expect(ready.withLock { $0 } == 1)
        writer.onReady { ready.withLock { $0 += 1 } }
        #expect(writer.write("abc") == .ready)
        writer.drained(3)
        #expect(ready.withLock { $0 } == 1)
    }

    @Test func `learns once that the client has gone`() {
        let writer = reply.stream(HTTPResponse())
        let closed = Locked(0)
        writer.onClose { closed.withLock { $0 += 1 } }
        writer.closed()
        writer.closed()
        #expect(closed.withLock { $0 } == 1)
        writer.onClose { closed.withLock { $0 += 1 } }
        #expect(closed.withLock { $0 } == 2)
        #expect(writer.write("x") == .closed)
        #expect(writer.isClosed)
    }
}
