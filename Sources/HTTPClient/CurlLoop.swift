import CCurl
import HTTP
import Synchronization

/// The client's thread: libcurl's multi handle, driven by what its sockets do (`curl_multi_socket_action`), so that a
/// call that waits costs nothing. Made, used and ended on that thread.
final class CurlLoop {
    let multi: UnsafeMutableRawPointer
    let sockets: SocketWatch
    private let mailbox: Mailbox
    let lookups: LookupThreads
    let limits: ClientLimits
    private let published: PublishedMetrics

    var active: [UInt64: Transfer] = [:]
    /// Calls that wait for their name, and when the first of them has waited long enough.
    var resolving: Set<UInt64> = []
    var firstWaitEnds: ContinuousClock.Instant?
    var names = NameCache()
    var idleHandles: [EasyHandle] = []
    /// When libcurl wants to be called although no socket stirs.
    private var timer: ContinuousClock.Instant?
    private var whenIdle: [@Sendable () -> Void] = []
    private var messages: [Mailbox.Message] = []
    /// Calls that ended in this turn, to be told at its end: then the metrics have them, and what the callers do next
    /// is not done inside libcurl's callbacks.
    var ended: [(job: Job, outcome: CallOutcome)] = []
    var metrics = ClientMetrics()
    /// Handles that lost the socket they were connecting.
    private var stalled: [UnsafeMutableRawPointer] = []
    private var isClosing = false
    private var connectionLimit = 0

    init(
        mailbox: Mailbox, lookups: LookupThreads, limits: ClientLimits, published: PublishedMetrics,
        multi: UnsafeMutableRawPointer, sockets: SocketWatch
    ) {
        self.mailbox = mailbox
        self.lookups = lookups
        self.limits = limits
        self.published = published
        self.multi = multi
        self.sockets = sockets
        let context = Unmanaged.passUnretained(self).toOpaque()
        curl_multi_set_socket(multi, onSocketWanted, context)
        curl_multi_set_timer(multi, onTimerWanted, context)
        limitConnections()
    }

    deinit {
        idleHandles = []
        // Closes the kept connections, which still go through `sockets`.
        curl_multi_cleanup(multi)
    }

    func run() {
        while !isClosing {
            sockets.wait(milliseconds: timeout()) { descriptor, bits in
                if descriptor == mailbox.wakeDescriptor {
                    mailbox.clearWake()
                } else {
                    act(descriptor, bits)
                }
            }
            readMail()
            runTimers()
            collect()
            if !stalled.isEmpty { unstall() }
            tell()
        }
        end()
    }

    // MARK: libcurl's wishes

    fileprivate func socketWanted(_ easy: UnsafeMutableRawPointer, _ socket: Int32, _ action: Int32) {
        if !sockets.want(socket, action) { stalled.append(easy) }
    }

    /// libcurl gives up an address that does not answer after its share of the time, closes the socket, and then
    /// waits for a timer to try the next, of which there is none but the end (7.88). Pausing and going on sets one.
    private func unstall() {
        // By comparison only: some of these have ended meanwhile and may be gone.
        for transfer in active.values where stalled.contains(transfer.easy) {
            curl_easy_pause(transfer.easy, CURLPAUSE_SEND)
            curl_easy_pause(transfer.easy, CURLPAUSE_CONT)
        }
        stalled.removeAll(keepingCapacity: true)
    }

    // MARK: Time

    fileprivate func timerWanted(_ milliseconds: Int) {
        timer = milliseconds < 0 ? nil : ContinuousClock.now + .milliseconds(milliseconds)
    }

    private func timeout() -> Int32 {
        guard let next = [timer, firstWaitEnds].compactMap({ $0 }).min() else { return -1 }
        let left = next - ContinuousClock.now
        // Rounded up: waking too early would spin.
        return left <= .zero ? 0 : Int32(min(left.wholeMicroseconds / 1000 + 1, 60_000))
    }

    private func runTimers() {
        let now = ContinuousClock.now
        // More than once, for what a timer starts may be due at once; a bound keeps sockets from waiting.
        for _ in 0..<8 {
            guard let due = timer, due <= now else { break }
            timer = nil
            act(CURL_SOCKET_TIMEOUT, 0)
        }
        if let firstWaitEnds, firstWaitEnds <= now { endWaits(now: now) }
    }

    private func act(_ socket: Int32, _ bits: Int32) {
        var running: Int32 = 0
        curl_multi_socket_action(multi, socket, bits, &running)
    }

    /// Takes the calls that libcurl has ended.
    private func collect() {
        var code = CURLE_OK
        while let easy = curl_multi_next_done(multi, &code) {
            guard let context = curl_get_pointer(easy) else { continue }
            let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
            curl_multi_remove_handle(multi, easy)
            let now = ContinuousClock.now
            if code == CURLE_OK, transfer.head.isComplete, redirect(transfer, now: now) { continue }
            finish(transfer, transfer.outcome(code, now: now))
        }
    }

    private func readMail() {
        mailbox.take(into: &messages)
        for message in messages {
            switch message {
            case .start(let job): start(job)
            case .cancel(let id): cancel(id)
            case .resolved(let name, let answer): resolved(name, answer)
            case .whenIdle(let action): whenIdle.append(action)
            case .close: isClosing = true
            }
        }
        messages.removeAll(keepingCapacity: true)
    }

    // MARK: The end of a turn, and the end

    /// libcurl counts connections in use too. So the limit goes with them: fewer would close each after its answer, more
    /// would keep one for every submit, which opens its own, until the host has had enough of us.
    private func limitConnections() {
        let limit = active.count + limits.idleConnections
        guard limit != connectionLimit else { return }
        connectionLimit = limit
        curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, limit)
    }

    private func tell() {
        limitConnections()
        metrics.inFlight = active.count
        metrics.openConnections = sockets.openConnections
        metrics.openedConnections = sockets.openedConnections
        published.publish(metrics)
        for (job, outcome) in ended { job.finish(outcome) }
        ended.removeAll(keepingCapacity: true)
        guard active.isEmpty else { return }
        for action in whenIdle { action() }
        whenIdle = []
    }

    private func end() {
        let now = ContinuousClock.now
        for (id, transfer) in active {
            if resolving.remove(id) == nil { curl_multi_remove_handle(multi, transfer.easy) }
            finish(transfer, .failure(transfer.failure(.canceled, "the client was closed", now: now)))
        }
        for message in mailbox.takeLast() {
            switch message {
            case .start(let job): refuse(job, .closed, "the client was closed")
            case .whenIdle(let action): whenIdle.append(action)
            case .cancel, .resolved, .close: break
            }
        }
        tell()
    }
}

/// The last metrics, for whoever asks from another thread.
final class PublishedMetrics: Sendable {
    private let metrics = Mutex(ClientMetrics())

    func publish(_ now: ClientMetrics) { metrics.withLock { $0 = now } }
    var now: ClientMetrics { metrics.withLock { $0 } }
}

private func onSocketWanted(
    _ easy: UnsafeMutableRawPointer?, _ socket: curl_socket_t, _ action: Int32, _ context: UnsafeMutableRawPointer?,
    _ ofSocket: UnsafeMutableRawPointer?
) -> Int32 {
    if let context, let easy {
        Unmanaged<CurlLoop>.fromOpaque(context).takeUnretainedValue().socketWanted(easy, socket, action)
    }
    return 0
}

private func onTimerWanted(
    _ multi: UnsafeMutableRawPointer?, _ milliseconds: Int, _ context: UnsafeMutableRawPointer?
) -> Int32 {
    if let context { Unmanaged<CurlLoop>.fromOpaque(context).takeUnretainedValue().timerWanted(milliseconds) }
    return 0
}
