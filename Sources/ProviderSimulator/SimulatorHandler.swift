import Dispatch
import HTTP
import HTTPClient
import Simulation
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Stands between sockets and `World`: gives it the time, does at the socket what it says, and makes its calls.
final class SimulatorHandler: HTTPHandler {
    private let world: Mutex<World>
    private let client: HTTPClient
    private let policy: CallPolicy
    private let queue = DispatchQueue(label: "simulator.time")
    /// When `ring` was last set to go off, in milliseconds.
    private let alarm = Mutex(Int64.max)

    init(world: World, client: HTTPClient, policy: CallPolicy) {
        self.world = Mutex(world)
        self.client = client
        self.policy = policy
    }

    let routes = ["/"]

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    func respond(to request: HTTPRequest, reply: Reply) -> HTTPResponse? {
        let host = request.headers["Host"] ?? "localhost"
        let base = (request.isSecure ? "https://" : "http://") + host
        let now = Self.now()
        let (reaction, next) = world.withLock { world in
            (world.respond(to: request, base: base, now: now), world.nextWebhook())
        }
        wake(at: next, now: now)
        if reaction.manner == .whole, reaction.delay <= 0 { return reaction.response }
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(reaction.delay * 1000))) {
            self.perform(reaction, reply)
        }
        return nil
    }

    private func perform(_ reaction: Reaction, _ reply: Reply) {
        switch reaction.manner {
        case .whole: reply.complete(with: reaction.response)
        case .nothing: reply.abandon()
        case .silence: break
        case .cut(let count):
            guard case .bytes(let bytes) = reaction.response.body else { return reply.abandon() }
            reply.stream(reaction.head).write(Array(bytes.prefix(count)))
            reply.abandon()
        case .flood(let total): flood(reply.stream(reaction.head), left: total ?? Int.max)
        case .trickle(let bytesPerSecond):
            guard case .bytes(let bytes) = reaction.response.body else { return reply.abandon() }
            trickle(bytes[...], bytesPerSecond, reply.stream(reaction.head))
        }
    }

    /// Blanks, which any reader of JSON must pass over, as fast as they are taken.
    private func flood(_ writer: BodyWriter, left: Int) {
        let chunk = [UInt8](repeating: 0x20, count: 1 << 16)
        var left = left
        while left > 0 {
            switch writer.write(chunk) {
            case .ready: left -= chunk.count
            case .closed: return
            case .full:
                left -= chunk.count
                let rest = left
                writer.onReady { self.queue.async { self.flood(writer, left: rest) } }
                return
            }
        }
        writer.finish()
    }

    private func trickle(_ rest: ArraySlice<UInt8>, _ bytesPerSecond: Int, _ writer: BodyWriter) {
        if rest.isEmpty { return writer.finish() }
        let count = max(1, bytesPerSecond / 10)
        guard writer.write(Array(rest.prefix(count))) != .closed else { return }
        queue.asyncAfter(deadline: .now() + .milliseconds(100)) {
            self.trickle(rest.dropFirst(count), bytesPerSecond, writer)
        }
    }

    // MARK: Calls to customers

    private func wake(at next: Int64?, now: Int64) {
        guard let next else { return }
        let isSooner = alarm.withLock { alarm in
            guard next < alarm || alarm <= now else { return false }
            alarm = next
            return true
        }
        guard isSooner else { return }
        queue.asyncAfter(deadline: .now() + .milliseconds(Int(max(0, next - now)))) { self.ring() }
    }

    private func ring() {
        let now = Self.now()
        alarm.withLock { $0 = .max }
        let (due, next) = world.withLock { world in
            let due = world.dueWebhooks(at: now)
            return (due.map { ($0, world.request(for: $0, now: now)) }, world.nextWebhook())
        }
        for (webhook, request) in due {
            client.start(request, policy: policy) { outcome in
                var taken = false
                if case .success(let answer) = outcome { taken = answer.reply.status.isSuccess }
                let ended = Self.now()
                let next = self.world.withLock { world in
                    world.webhookEnded(webhook, taken: taken, now: ended)
                    return world.nextWebhook()
                }
                self.wake(at: next, now: ended)
            }
        }
        // A millisecond at least: a job steered by hand may be due and not yet there.
        wake(at: next.map { max($0, now + 1) }, now: now)
    }
}

extension Reaction {
    /// The answer without its body, for a stream.
    var head: HTTPResponse {
        var head = response
        head.body = .none
        return head
    }
}
