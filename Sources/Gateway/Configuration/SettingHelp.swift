import Defaults

/// What `help SETTING` prints: the comment in the embedded defaults, what is allowed, and how to set it.
package struct SettingHelp: Sendable {
    package let key: String
    package let text: String

    package static var keys: [String] { Setting.all.map(\.key) }

    /// The setting called `topic`, or all below it.
    package static func find(_ topic: String) -> [SettingHelp] {
        let comments = comments()
        return Setting.all.filter { $0.key == topic || $0.key.hasPrefix(topic + ".") }.map { setting in
            let comment = comments[setting.key] ?? ""
            let standard = comments["=" + setting.key] ?? ""
            var lines = [setting.key]
            if !comment.isEmpty { lines.append("  " + comment) }
            lines.append("  allowed:  " + setting.kind.allowed)
            lines.append("  default:  " + standard)
            lines.append("  variable: " + setting.variable)
            if setting.needsRestart { lines.append("  a change needs a restart") }
            return SettingHelp(key: setting.key, text: lines.joined(separator: "\n"))
        }
    }

    /// By key its comment, and by `=` and key its default.
    private static func comments() -> [String: String] {
        guard let root = try? JSON5Reader.read(Defaults.bytes) else { return [:] }
        var found: [String: String] = [:]
        func walk(_ value: JSON5Value, _ prefix: String) {
            guard case .object(let members) = value.content else { return }
            for member in members {
                let key = prefix + member.name
                found[key] = member.comment
                if let setting = Setting.byKey[key] {
                    let value = try? setting.kind.read(member.value) { text throws(ValueFault) in text }
                    found["=" + key] = setting.isSecret ? Self.plain(member.value) : value?.description
                }
                walk(member.value, key + ".")
            }
        }
        walk(root, "")
        return found
    }

    private static func plain(_ value: JSON5Value) -> String? {
        if case .text(let text) = value.content { "\"\(text)\"" } else { nil }
    }
}
