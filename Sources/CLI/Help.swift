import Domain
import Gateway

/// What the program says about itself, printed from the command table and the commented defaults.
enum Help {
    static func topic(_ topic: String?) throws -> ExitCode {
        guard let topic else {
            Terminal.print(overview)
            return .done
        }
        let commands = Command.all.filter { $0.words[0] == topic || $0.name == topic }
        if !commands.isEmpty {
            Terminal.print(commands.map(page).joined(separator: "\n\n"))
            let namesakes = SettingHelp.find(topic).map(\.key)
            if !namesakes.isEmpty {
                Terminal.print("\nSettings of this name, each explained by `help SETTING`:\n")
                for key in namesakes { Terminal.print("  " + key) }
            }
            return .done
        }
        let settings = SettingHelp.find(topic)
        if !settings.isEmpty {
            Terminal.print(settings.map(\.text).joined(separator: "\n\n"))
            return .done
        }
        let known = Command.all.flatMap { [$0.words[0], $0.name] } + SettingHelp.topics
        let meant = known.first { $0.hasPrefix(topic) } ?? Spelling.nearest(to: topic, of: known)
        let hint = meant.map { "; did you mean \($0)?" } ?? ""
        throw UsageFault(message: "there is nothing called \"\(topic)\"\(hint)")
    }

    static var overview: String {
        let width = (Command.all.map(\.name.count).max() ?? 0) + 2
        let rows = Command.all.map { "  " + $0.name.padded(to: width) + $0.summary }
        return """
            trellis-gateway \(Gateway.version): one API for image-to-3D, many providers behind it

            usage: trellis-gateway COMMAND [ARGUMENTS]

            \(rows.joined(separator: "\n"))

            Each command explains itself with --help; `help SETTING` explains a setting. All take --config FILE or
            --data DIR (the same as `serve` was given, or set TRELLIS_CONFIG), and --json. They ask the gateway that
            runs on that data directory, or the directory itself when none does: run them as the gateway's user.
            Exit codes: 0 done, 1 failed, 2 not understood, 3 the store gave up.
            """
    }

    static func page(_ command: Command) -> String {
        let arguments = command.arguments.map { $0.isRequired ? $0.name : "[\($0.name)]" }
        let required = command.options.filter(\.isRequired).map { "\($0.name) \($0.value ?? "")" }
        let usage = (["trellis-gateway", command.name] + required + arguments + ["[OPTIONS]"]).joined(separator: " ")
        let options = command.options + Invocation.common
        let names =
            command.arguments.map { ($0.name, $0.doc) }
            + options.map {
                ($0.name + ($0.value.map { " " + $0 } ?? ""), $0.doc + ($0.isRequired ? " (required)" : ""))
            }
        let width = (names.map(\.0.count).max() ?? 0) + 2
        let rows = names.map { "  " + $0.0.padded(to: width) + $0.1 }
        let detail = command.detail.isEmpty ? "" : "\n\n" + command.detail
        return "\(command.name): \(command.summary)\(detail)\n\nusage: \(usage)\n\n\(rows.joined(separator: "\n"))"
    }
}
