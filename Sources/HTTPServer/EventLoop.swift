import CLinux
import Dispatch
import Glibc
import HTTP

/// One core's share of the server: a serial queue, an epoll set, a listener of its own, and one DispatchSource that
/// says when the set has something. Once awake the loop stays with epoll until a few milliseconds of silence, which
/// costs half of what returning to Dispatch after every batch does.
///
/// Everything here is touched on `queue` only, which is what makes sharing the reference sound; the way in from
/// other threads is `mailbox`.
final class EventLoop: @unchecked Sendable {
    let index: Int
    let core: ServerCore
    let limits: ServerLimits
    let mailbox: Mailbox
    let counters: LoopCounters
    let queue: DispatchQueue

    let epoll: Int32
    private let timer: Int32
    private var source: (any DispatchSourceRead)?
    private let events: UnsafeMutablePointer<epoll_event>
    /// What a read lands in before it is parsed.
    let scratch: UnsafeMutableBufferPointer<UInt8>
    /// What one turn of one connection has to say, sent by one call at its end.
    let output = OutputBuffer(capacity: scratchBytes)
    /// The request being read; its storage is used again unless a handler keeps it.
    var request = HTTPRequest()

    var listeners: [ListeningSocket] = []
    var connections: [Connection?] = []
    var freeSlots: [Int] = []
    var connectionCount = 0
    private var nextSerial: UInt32 = 1
    private var generation: UInt64 = 0
    private let idSeed = UInt64.random(in: .min ... .max)
    private var idCount: UInt64 = 0
    var requestCount: UInt64 = 0
    /// Connections with work left that epoll will not tell of.
    var ready: [Connection] = []
    /// Connections whose body waits for memory, first come first.
    var awaitingRoom: [Connection] = []
    /// Held open so that, when descriptors run out, one can be freed to accept and turn away who waits.
    var spareDescriptor: Int32

    /// Nothing is accepted for a moment, for want of descriptors.
    var isListeningPaused = false

    var wheel: TimerWheel
    private var armedFor: UInt64 = .max
    private var due: [Int] = []
    /// Milliseconds and microseconds of the monotonic clock, as of the last wake-up.
    private(set) var now: UInt64 = 0
    private(set) var nowMicroseconds: UInt64 = 0
    /// `Date: …` with its line end, made anew each second (RFC 9110 §6.6.1).
    private(set) var dateLine: [UInt8] = []
    private var dateSecond: Int = 0

    var isDraining = false
    private var isStopped = false
    private let onEmpty: @Sendable () -> Void

    private static let eventsPerWait: Int32 = 256
    private static let scratchBytes = 64 * 1024
    /// How long to stay with epoll before going back to Dispatch.
    private static let silenceMilliseconds: Int32 = 5
    /// So many events at once, and more are on their way.
    private static let flood = 2
    private static let specialTag: UInt64 = 0xffff_ffff_0000_0000
    private static let mailTag = specialTag | 0xffff_ffff
    private static let timerTag = specialTag | 0xffff_fffe

    /// `onEmpty` is called once when a draining or stopped loop has lost its last connection.
    init(
        index: Int, core: ServerCore, mailbox: Mailbox, listeners: [ListeningSocket],
        onEmpty: @escaping @Sendable () -> Void
    ) throws(ServerError) {
        self.index = index
        self.core = core
        self.limits = core.limits
        self.mailbox = mailbox
        self.listeners = listeners
        self.onEmpty = onEmpty
        counters = LoopCounters(routes: core.handler.routes)
        queue = DispatchQueue(label: "http.loop.\(index)", qos: .userInitiated)
        epoll = linux_epoll_create()
        timer = linux_timerfd_create()
        spareDescriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
        events = .allocate(capacity: Int(Self.eventsPerWait))
        scratch = .allocate(capacity: Self.scratchBytes)
        wheel = TimerWheel(now: Self.clock(CLOCK_MONOTONIC) / 1000)
        guard epoll >= 0, timer >= 0 else { throw ServerError("epoll", errno) }
        linux_epoll_set(epoll, EPOLL_CTL_ADD, mailbox.wakeDescriptor, linux_readable, Self.mailTag)
        linux_epoll_set(epoll, EPOLL_CTL_ADD, timer, linux_readable, Self.timerTag)
        resumeListening()
        updateClock()
    }

    deinit {
        events.deallocate()
        scratch.deallocate()
        if spareDescriptor >= 0 { close(spareDescriptor) }
        close(timer)
        close(epoll)
    }

    /// Begins to serve.
    func start() {
        let source = DispatchSource.makeReadSource(fileDescriptor: epoll, queue: queue)
        source.setEventHandler { [unowned self] in run() }
        // The loop must outlive its source, which watches a descriptor that the loop closes.
        source.setCancelHandler { withExtendedLifetime(self) {} }
        self.source = source
        source.resume()
    }

    private func run() {
        var batch = 0
        while !isStopped {
            let isFlooded = batch >= Self.flood
            var count = epoll_wait(
                epoll, events, Self.eventsPerWait, ready.isEmpty && !isFlooded ? Self.silenceMilliseconds : 0)
            if count == 0, isFlooded, ready.isEmpty {
                // Whoever shares this core is about to send: to let it run first costs less than to sleep and be woken
                // for its one request, and finds several. Only under a flood: else the core would go to whoever
                // computes, and the next request would wait for it, while the scheduler favours a sleeper.
                sched_yield()
                count = epoll_wait(epoll, events, Self.eventsPerWait, Self.silenceMilliseconds)
            }
            batch = Int(count)
            if count < 0, errno == EINTR { continue }
            updateClock()
            for index in 0..<max(0, Int(count)) { take(events + index) }
            if !ready.isEmpty { continueReady() } else if count <= 0 { return }
        }
    }

    @inline(__always)
    private func take(_ event: UnsafePointer<epoll_event>) {
        let tag = linux_epoll_tag(event)
        if tag < Self.specialTag {
            guard let connection = connection(slot: Int(tag & 0xffff_ffff), serial: UInt32(tag >> 32)) else { return }
            return handle(connection, events: event.pointee.events)
        }
        switch tag {
        case Self.mailTag: openMail()
        case Self.timerTag: expireTimers()
        default:
            let index = Int(tag & 0xffff_ffff)
            if index < listeners.count { acceptAll(from: listeners[index]) }
        }
    }

    @inline(__always)
    func connection(slot: Int, serial: UInt32) -> Connection? {
        guard slot < connections.count, let connection = connections[slot], connection.serial == serial else {
            return nil
        }
        return connection
    }

    private func continueReady() {
        let batch = ready
        ready.removeAll(keepingCapacity: true)
        for connection in batch {
            connection.isReady = false
            if connection.phase != .closed { resume(connection) }
        }
    }

    private func resumeListening() {
        isListeningPaused = false
        for (index, listener) in listeners.enumerated() {
            let events = listener.isShared ? linux_readable | linux_exclusive : linux_readable
            linux_epoll_set(epoll, EPOLL_CTL_ADD, listener.descriptor, events, Self.specialTag | UInt64(index))
        }
    }

    // MARK: Names and numbers

    func takeSerial() -> UInt32 {
        defer { nextSerial = nextSerial == 0xffff_fffe ? 1 : nextSerial + 1 }
        return nextSerial
    }

    func takeGeneration() -> UInt64 {
        generation += 1
        return generation
    }

    /// An id no other request has: the loop's random seed and a count, stirred so that neighbours look unlike.
    func makeRequestID() -> RequestID {
        idCount &+= 1
        var mixed = idCount &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return .made(idSeed, mixed ^ mixed >> 31)
    }

    // MARK: Time

    /// Microseconds of a clock.
    static func clock(_ id: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(id, &time)
        return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1000
    }

    private func updateClock() {
        nowMicroseconds = Self.clock(CLOCK_MONOTONIC)
        now = nowMicroseconds / 1000
        var time = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &time)
        if time.tv_sec != dateSecond {
            dateSecond = time.tv_sec
            dateLine = Array("Date: \(Timestamp.httpDate(Int64(time.tv_sec) * 1000))\r\n".utf8)
        }
    }

    @inline(__always)
    func setDeadline(_ connection: Connection, after seconds: Double) {
        setDeadline(connection, at: now + UInt64(seconds * 1000))
    }

    @inline(__always)
    func setDeadline(_ connection: Connection, at time: UInt64) {
        connection.deadline = time
        guard time != .max else { return }
        wheel.set(connection.slot, deadline: time)
        if time < armedFor { arm(for: time) }
    }

    private func arm(for time: UInt64) {
        armedFor = time
        // Zero would disarm it.
        linux_timerfd_arm(timer, max(1, time > now ? time - now : 0) + 64)
    }

    /// Sees to it that the timer fires in a tick or two, which ends a pause in listening.
    func wakeAfterPause() { if now < armedFor { arm(for: now) } }

    private func expireTimers() {
        var count: UInt64 = 0
        read(timer, &count, 8)
        armedFor = .max
        due.removeAll(keepingCapacity: true)
        wheel.expire(now: now, into: &due)
        for slot in due {
            guard slot < connections.count, let connection = connections[slot] else { continue }
            if connection.deadline > now {
                setDeadline(connection, at: connection.deadline)
            } else {
                expire(connection)
            }
        }
        if isListeningPaused { resumeListening() }
        if let next = wheel.nextDue() { arm(for: min(next, armedFor)) }
    }

    // MARK: The end

    /// Ends at once, or not at all if it is to be `unlessSomebodyCame` and a connection has just been handed over.
    func stop(unlessSomebodyCame: Bool = false) {
        guard !isStopped, let late = mailbox.retire(unlessSomebodyCame: unlessSomebodyCame) else { return }
        // First, for dropping the last connection of a draining loop asks to stop as well.
        isStopped = true
        for connection in late { seat(connection) }
        for connection in connections { if let connection { drop(connection) } }
        listeners.removeAll()
        source?.cancel()
        source = nil
        onEmpty()
    }

    func noteIfEmpty() {
        if isDraining, connectionCount == 0 { stop(unlessSomebodyCame: true) }
    }
}
