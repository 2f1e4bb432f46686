import Defaults

/// What `help SETTING` prints: the comment in the embedded defaults, what is allowed, and how to set it.
package struct SettingHelp: Sendable {
    package let key: String
    package let text: String

    /// What can be asked for: every setting, every group of them, and the last words of their names.
    package static var topics: [String] {
        let paths = Setting.all.map { $0.key.split(separator: ".") }
        let groups = paths.flatMap { path in path.indices.dropLast().map { path[...$0].joined(separator: ".") } }
        return groups + paths.map { $0.joined(separator: ".") } + paths.map { String($0.last ?? "") }
    }

    /// The setting called `topic`, or all below it.
    package static func find(_ topic: String) -> [SettingHelp] {
        let comments = comments()
        let exact = Setting.all.filter { $0.key == topic || $0.key.hasPrefix(topic + ".") }
        // Somebody remembers the word and not its group.
        return (exact.isEmpty ? Setting.all.filter { $0.key.hasSuffix("." + topic) } : exact).map { setting in
            let comment = comment(on: setting.key, in: comments)
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

    /// The setting's own comment; else that of the first of its kind, for what is explained once for all providers;
    /// else that of its group.
    private static func comment(on key: String, in comments: [String: String]) -> String {
        if let own = comments[key], !own.isEmpty { return own }
        var parts = key.split(separator: ".")
        if parts.count == 3, parts[0] == "providers" {
            let alike = Setting.all.lazy.map(\.key).filter {
                $0.hasPrefix("providers.") && $0.hasSuffix(".\(parts[2])")
            }
            if let found = alike.compactMap({ comments[$0] }).first(where: { !$0.isEmpty }) { return found }
        }
        while parts.count > 1 {
            parts.removeLast()
            if let group = comments[parts.joined(separator: ".")], !group.isEmpty { return group }
        }
        return ""
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
