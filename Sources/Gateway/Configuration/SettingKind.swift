import Domain
import Providers

/// What a setting may be: how its value is read from a file or from plain text, and what a person is told is allowed.
indirect enum SettingKind: Sendable {
    case whole(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case flag
    case text(TextForm)
    case word([String])
    case secret
    case list(SettingKind)
    /// May be null, which means what the default file's comment says.
    case optional(SettingKind)

    /// What is allowed, as the end of the sentence "must be …".
    var allowed: String {
        switch self {
        case .whole(let range) where range.upperBound == .max: "a whole number of at least \(range.lowerBound)"
        case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range) where range.upperBound == .greatestFiniteMagnitude:
            "a number of at least \(range.lowerBound.plain)"
        case .number(let range): "a number from \(range.lowerBound.plain) to \(range.upperBound.plain)"
        case .flag: "true or false"
        case .text(let form): form.allowed
        case .word(let words): "one of " + words.joined(separator: ", ")
        case .secret: "text, best as \"${NAME}\" taken from the environment"
        case .list(let kind): "a list, each of it " + kind.allowed
        case .optional(let kind): kind.allowed + ", or null"
        }
    }
}

/// A value that has been read and found right.
enum SettingValue: Hashable, Sendable {
    case none
    case whole(Int)
    case number(Double)
    case flag(Bool)
    case text(String)
    case secret(Secret)
    case list([SettingValue])

    /// As JSON5, with secrets hidden.
    var description: String {
        switch self {
        case .none: "null"
        case .whole(let value): String(value)
        case .number(let value): value.plain
        case .flag(let value): String(value)
        case .text(let value): "\"\(value)\""
        case .secret: "\"***\""
        case .list(let values): "[" + values.map(\.description).joined(separator: ", ") + "]"
        }
    }
}

/// What is wrong with a value, as a sentence after the setting's name.
struct ValueFault: Error {
    let message: String
    /// Where in the file, when that is more exact than the setting itself.
    var position: TextPosition?
    /// What is wrong with other items of the same list.
    var others: [ValueFault] = []
}

extension SettingKind {
    /// Reads a value of the file. `expand` puts environment variables in the place of `${NAME}`.
    func read(_ value: JSON5Value, expand: (String) throws(ValueFault) -> String?) throws(ValueFault) -> SettingValue {
        switch (self, value.content) {
        case (.optional, .null): return .none
        case (.optional(let kind), _): return try kind.read(value, expand: expand)
        case (.whole(let range), .number(let number)):
            guard let whole = number.whole ?? Int(exactly: number.double), range.contains(whole) else {
                throw wrong(number.text)
            }
            return .whole(whole)
        case (.number(let range), .number(let number)):
            guard range.contains(number.double) else { throw wrong(number.text) }
            return .number(number.double)
        case (.flag, .flag(let value)): return .flag(value)
        case (.list(let kind), .list(let values)):
            var read: [SettingValue] = []
            var faults: [ValueFault] = []
            for value in values {
                do throws(ValueFault) {
                    read.append(try kind.read(value, expand: expand))
                } catch {
                    faults.append(ValueFault(message: error.message, position: error.position ?? value.position))
                }
            }
            if var first = faults.first {
                first.others = Array(faults.dropFirst())
                throw first
            }
            return .list(read)
        case (.list(let kind), .text): return .list([try kind.read(value, expand: expand)])
        case (_, .text(let text)):
            guard let expanded = try expand(text) else { return .none }
            // A variable may hold a number or a flag.
            guard takesText || expanded != text else { throw wrong("the text \"\(text)\"") }
            return try read(text: expanded)
        default: throw wrong(value.kind)
        }
    }

    private var takesText: Bool {
        switch self {
        case .text, .word, .secret: true
        default: false
        }
    }

    /// Reads a value given as plain text: by a variable or a flag.
    func read(text: String) throws(ValueFault) -> SettingValue {
        switch self {
        case .optional(let kind):
            return text.isEmpty || text == "null" ? .none : try kind.read(text: text)
        case .whole(let range):
            guard let number = JSON5Number(text)?.whole, range.contains(number) else { throw wrong(text) }
            return .whole(number)
        case .number(let range):
            guard let number = JSON5Number(text)?.double, range.contains(number) else { throw wrong(text) }
            return .number(number)
        case .flag:
            switch text.lowercased() {
            case "true", "yes", "on", "1": return .flag(true)
            case "false", "no", "off", "0": return .flag(false)
            default: throw wrong("\"\(text)\"")
            }
        case .text(let form):
            if let objection = form.objection(to: text) { throw ValueFault(message: objection) }
            return .text(text)
        case .word(let words):
            guard words.contains(text) else {
                let hint = Spelling.nearest(to: text, of: words).map { "; did you mean \($0)?" } ?? ""
                throw ValueFault(message: "must be \(allowed); got \"\(text)\"" + hint)
            }
            return .text(text)
        case .secret: return .secret(Secret(text))
        case .list(let kind):
            var values: [SettingValue] = []
            for part in text.split(separator: ",") { values.append(try kind.read(text: part.trimmed)) }
            return .list(values)
        }
    }

    private func wrong(_ got: String) -> ValueFault { ValueFault(message: "must be \(allowed); got \(got)") }
}

extension Substring {
    /// Without blanks at both ends.
    var trimmed: String {
        let bytes = utf8
        guard let first = bytes.firstIndex(where: { $0 > 0x20 }), let last = bytes.lastIndex(where: { $0 > 0x20 })
        else { return "" }
        return String(self[first...last])
    }
}

extension Double {
    /// Without a fraction when there is none.
    var plain: String {
        self == rounded() && magnitude < 1e15 ? String(Int64(self)) : String(self)
    }
}
