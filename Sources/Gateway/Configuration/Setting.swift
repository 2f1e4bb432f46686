import Domain
import HTTP
import Providers

/// One row of the configuration: its name, what it may be, and where its value goes. Decoding, checking, the refusal
/// of unknown keys, `check` and the help text are all read from these rows.
struct Setting: Sendable {
    let key: String
    let kind: SettingKind
    /// Whether a running gateway cannot take a new value over.
    let needsRestart: Bool
    let apply: @Sendable (inout Configuration, SettingValue) -> Void

    /// The names between the dots.
    var path: [String] { key.split(separator: ".").map(String.init) }

    /// The environment variable that sets it.
    var variable: String {
        "TRELLIS_"
            + String(
                decoding: key.utf8.map { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
                    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte
                    default: UInt8(ascii: "_")
                    }
                }, as: UTF8.self)
    }

    var isSecret: Bool {
        switch kind {
        case .secret: true
        case .optional(.secret): true
        default: false
        }
    }
}

/// The rows by type of value. A closure and not a key path, because a dictionary's element has no writable one that
/// creates it.
extension Setting {
    typealias Target<Value> = @Sendable (inout Configuration, Value) -> Void

    static func whole(
        _ key: String, _ range: ClosedRange<Int>, restart: Bool = false, _ set: @escaping Target<Int>
    ) -> Setting {
        Setting(key: key, kind: .whole(range), needsRestart: restart) {
            if case .whole(let value) = $1 { set(&$0, value) }
        }
    }

    static func number(_ key: String, _ range: ClosedRange<Double>, _ set: @escaping Target<Double>) -> Setting {
        Setting(key: key, kind: .number(range), needsRestart: false) {
            if case .number(let value) = $1 { set(&$0, value) }
        }
    }

    static func seconds(
        _ key: String, _ range: ClosedRange<Double>, restart: Bool = false, _ set: @escaping Target<Duration>
    ) -> Setting {
        Setting(key: key, kind: .number(range), needsRestart: restart) {
            if case .number(let value) = $1 { set(&$0, .seconds(value)) }
        }
    }

    static func flag(_ key: String, restart: Bool = false, _ set: @escaping Target<Bool>) -> Setting {
        Setting(key: key, kind: .flag, needsRestart: restart) {
            if case .flag(let value) = $1 { set(&$0, value) }
        }
    }

    static func credits(_ key: String, _ set: @escaping Target<Credits>) -> Setting {
        whole(key, 0...1_000_000_000) { set(&$0, Credits(Int64($1))) }
    }

    static func text(
        _ key: String, _ form: TextForm, restart: Bool = false, _ set: @escaping Target<String>
    ) -> Setting {
        Setting(key: key, kind: .text(form), needsRestart: restart) {
            if case .text(let value) = $1 { set(&$0, value) }
        }
    }

    static func word(
        _ key: String, _ words: [String], restart: Bool = false, _ set: @escaping Target<String>
    ) -> Setting {
        Setting(key: key, kind: .word(words), needsRestart: restart) {
            if case .text(let value) = $1 { set(&$0, value) }
        }
    }

    static func secret(_ key: String, _ set: @escaping Target<Secret?>) -> Setting {
        Setting(key: key, kind: .optional(.secret), needsRestart: false) {
            if case .secret(let value) = $1 { set(&$0, value) } else { set(&$0, nil) }
        }
    }

    static func list(
        _ key: String, of kind: SettingKind, restart: Bool = false, _ set: @escaping Target<[SettingValue]>
    ) -> Setting {
        Setting(key: key, kind: .list(kind), needsRestart: restart) {
            if case .list(let values) = $1 { set(&$0, values) }
        }
    }

    static func texts(
        _ key: String, _ form: TextForm, restart: Bool = false, _ set: @escaping Target<[String]>
    ) -> Setting {
        list(key, of: .text(form), restart: restart) { configuration, values in
            set(&configuration, values.compactMap { if case .text(let text) = $0 { text } else { nil } })
        }
    }

    static func ranges(_ key: String, restart: Bool = false, _ set: @escaping Target<[AddressRange]>) -> Setting {
        texts(key, .addressRange, restart: restart) { set(&$0, $1.compactMap { AddressRange($0) }) }
    }

    /// The same row, where null is allowed too and `set` is not called for it: what the property began with stays.
    var orNull: Setting {
        Setting(key: key, kind: .optional(kind), needsRestart: needsRestart, apply: apply)
    }
}
