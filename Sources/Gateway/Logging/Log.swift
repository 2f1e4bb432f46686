import Domain
import HTTP
import Synchronization

/// Tells what happens, one line an event. A value that every room may hold: making a line costs no system call, and
/// writing it is somebody else's work, so no event loop ever waits for a slow terminal or a full pipe.
package struct Log: Sendable {
    package enum Level: String, Sendable, CaseIterable, Comparable {
        case debug, info, warning, error

        var rank: Int {
            switch self {
            case .debug: 0
            case .info: 1
            case .warning: 2
            case .error: 3
            }
        }

        package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
    }

    package enum Format: String, Sendable, CaseIterable { case json, text }

    let sink: LogSink

    package init(level: Level, format: Format, redactor: Redactor = Redactor()) {
        sink = LogSink(level: level, format: format, redactor: redactor)
    }

    /// Writes an event: a fixed phrase, and what changes from case to case as fields.
    package func callAsFunction(
        _ level: Level, _ message: String, request: RequestID? = nil, task: TaskID? = nil,
        _ fields: KeyValuePairs<String, LogValue> = [:]
    ) {
        guard isOn(level) else { return }
        write(
            LogLine(
                at: .now, level: level, message: message, request: request?.description, task: task?.description,
                fields: fields.map { ($0.key, $0.value) }))
    }

    package func isOn(_ level: Level) -> Bool { level.rank >= sink.threshold.load(ordering: .relaxed) }

    func write(_ line: LogLine) { sink.write(line) }

    package func setLevel(_ level: Level) { sink.threshold.store(level.rank, ordering: .relaxed) }

    package func setRedactor(_ redactor: Redactor) { sink.setRedactor(redactor) }

    /// Returns when everything written so far has left the process.
    package func flush() { sink.flush() }

    /// Lines by level, and those that were dropped because nobody took them.
    package var counts: (byLevel: [Level: UInt64], dropped: UInt64) { sink.counts }
}

package enum LogValue: Sendable, Hashable, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByFloatLiteral
{
    case text(String)
    case whole(Int64)
    case number(Double)
    case flag(Bool)

    package init(stringLiteral value: String) { self = .text(value) }
    package init(integerLiteral value: Int64) { self = .whole(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(booleanLiteral value: Bool) { self = .flag(value) }
    package init(_ value: some BinaryInteger) { self = .whole(Int64(clamping: value)) }
    package init(_ value: String) { self = .text(value) }
}
