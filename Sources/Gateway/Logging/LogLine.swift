import Domain
import JSON

/// One event, and its two looks.
struct LogLine: Sendable {
    let at: Instant
    let level: Log.Level
    let message: String
    let request: String?
    let task: String?
    let fields: [(name: String, value: LogValue)]

    /// One JSON object, without the line's end.
    var json: [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.member("time", at.description)
            $0.member("level", level.rawValue)
            $0.member("message", message)
            if let request { $0.member("request_id", request) }
            if let task { $0.member("task_id", task) }
            for (name, value) in fields {
                switch value {
                case .text(let text): $0.member(name, text)
                case .whole(let number): $0.member(name, number)
                case .number(let number): $0.member(name, number)
                case .flag(let flag): $0.member(name, flag)
                }
            }
        }
        return json.bytes
    }

    /// For a person: time of day, level, message, fields.
    func text(coloured: Bool) -> [UInt8] {
        let (start, end) = coloured ? (level.colour, "\u{1B}[0m") : ("", "")
        let (faint, plain) = coloured ? ("\u{1B}[2m", "\u{1B}[0m") : ("", "")
        let time = at.description.dropFirst(11).dropLast()
        var text = "\(faint)\(time)\(plain) \(start)\(level.rawValue.uppercased())\(end) \(message.visible)"
        if let task { text += " \(faint)task=\(plain)\(task)" }
        for (name, value) in fields { text += " \(faint)\(name)=\(plain)\(value.plain.visible)" }
        if let request { text += " \(faint)request=\(request)\(plain)" }
        return Array(text.utf8)
    }
}

extension Log.Level {
    fileprivate var colour: String {
        switch self {
        case .debug: "\u{1B}[2m"
        case .info: "\u{1B}[32m"
        case .warning: "\u{1B}[33m"
        case .error: "\u{1B}[31;1m"
        }
    }
}

extension LogValue {
    fileprivate var plain: String {
        switch self {
        case .text(let text): text
        case .whole(let number): String(number)
        case .number(let number): String(number)
        case .flag(let flag): String(flag)
        }
    }
}
