import Dispatch
import Domain
import Glibc
import Synchronization

/// Takes lines from any thread into a bounded buffer and writes them to stderr from a queue of its own. When nobody
/// reads the other end, lines are dropped and counted rather than held, and the count is told as soon as it can be.
final class LogSink: Sendable {
    private struct State {
        var pending: [UInt8] = []
        var isWriting = false
        /// When the last of them was out.
        var wroteAt = DispatchTime(uptimeNanoseconds: 1)
        var dropped: UInt64 = 0
        var untold: UInt64 = 0
        var counts: [UInt64] = [0, 0, 0, 0]
        var redactor: Redactor
    }

    /// A few thousand lines: the noise of a bad second, and no more memory than an upload takes.
    private static let roomBytes = 1 << 20
    /// A line after a quiet moment goes out at once, and so does an error, which may be the last line there is. In a busy
    /// moment they gather for so long, for each waking of a thread costs more than the line does.
    private static let gathering = DispatchTimeInterval.milliseconds(5)

    let threshold: Atomic<Int>
    private let format: Log.Format
    private let isColoured: Bool
    private let state: Mutex<State>
    private let queue = DispatchQueue(label: "log")

    init(level: Log.Level, format: Log.Format, redactor: Redactor) {
        threshold = Atomic(level.rank)
        self.format = format
        isColoured = isatty(STDERR_FILENO) == 1
        state = Mutex(State(redactor: redactor))
    }

    func setRedactor(_ redactor: Redactor) { state.withLock { $0.redactor = redactor } }

    var counts: (byLevel: [Log.Level: UInt64], dropped: UInt64) {
        state.withLock { state in
            (Dictionary(uniqueKeysWithValues: Log.Level.allCases.map { ($0, state.counts[$0.rank]) }), state.dropped)
        }
    }

    func write(_ line: LogLine) {
        var bytes = render(line)
        let redactor = state.withLock { $0.redactor }
        redactor.clean(&bytes)
        bytes.append(0x0A)
        let start = state.withLock { state -> DispatchTime? in
            state.counts[line.level.rank] += 1
            guard state.pending.count + bytes.count <= Self.roomBytes else {
                state.dropped += 1
                state.untold += 1
                return nil
            }
            state.pending += bytes
            defer { state.isWriting = true }
            if line.level == .error { return .now() }
            return state.isWriting ? nil : state.wroteAt + Self.gathering
        }
        guard let start else { return }
        if start <= .now() {
            queue.async { self.drain() }
        } else {
            queue.asyncAfter(deadline: start) { self.drain() }
        }
    }

    func flush() { queue.sync { drain() } }

    private func drain() {
        while true {
            let (bytes, untold) = state.withLock { state in
                let taken = (state.pending, state.untold)
                state.pending = []
                state.untold = 0
                if taken.0.isEmpty, taken.1 == 0 {
                    state.isWriting = false
                    state.wroteAt = .now()
                }
                return taken
            }
            if bytes.isEmpty, untold == 0 { return }
            put(bytes)
            if untold > 0 {
                let line = LogLine(
                    at: .now, level: .warning, message: "log lines were dropped, for nobody took them", request: nil,
                    task: nil, fields: [("count", LogValue(untold))])
                put(render(line) + [0x0A])
            }
        }
    }

    private func render(_ line: LogLine) -> [UInt8] {
        format == .json ? line.json : line.text(coloured: isColoured)
    }

    private func put(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if count < 0, errno == EAGAIN {
                // Whoever gave us stderr made it non-blocking; waiting is this queue's job.
                var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                poll(&descriptor, 1, 1000)
            } else if count < 0, errno == EINTR {
                continue
            } else {
                return
            }
        }
    }
}

extension Instant {
    /// The wall clock.
    package static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }
}
