import Domain
import Gateway

/// A command line that has been understood.
struct Invocation: Sendable {
    let command: Command
    private let positional: [String]
    private let named: [String: String]
    private let switches: Set<String>

    /// Every command takes these.
    static let common: [Command.Option] = [
        .init(name: "--config", value: "FILE", doc: "read settings from FILE"),
        .init(name: "--data", value: "DIR", doc: "use the data directory DIR"),
        .init(name: "--json", doc: "print JSON for programs"),
        .init(name: "--help", doc: "explain this command"),
    ]

    /// Arguments behind the command's own words.
    init(_ command: Command, _ rest: ArraySlice<String>) throws(UsageFault) {
        self.command = command
        let options = command.options + Self.common
        var positional: [String] = []
        var named: [String: String] = [:]
        var switches: Set<String> = []
        var rest = rest
        var onlyPositional = false
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-", !onlyPositional, Int(word) == nil else {
                positional.append(word)
                continue
            }
            if word == "--" {
                onlyPositional = true
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0] == "-h" ? "--help" : parts[0]
            guard let option = options.first(where: { $0.name == name }) else {
                let hint = Spelling.nearest(to: name, of: options.map(\.name)).map { "; did you mean \($0)?" } ?? ""
                throw UsageFault(message: "\(command.name) has no option \(name)\(hint)", command: command)
            }
            guard option.value != nil else {
                guard parts.count == 1 else {
                    throw UsageFault(message: "\(name) takes no value", command: command)
                }
                switches.insert(name)
                continue
            }
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                throw UsageFault(message: "\(name) needs a value: \(name) \(option.value ?? "")", command: command)
            }
            guard named.updateValue(value, forKey: name) == nil else {
                throw UsageFault(message: "\(name) is given twice", command: command)
            }
        }
        self.positional = positional
        self.named = named
        self.switches = switches
        guard !wantsHelp else { return }
        let required = command.arguments.filter(\.isRequired)
        guard positional.count >= required.count else {
            throw UsageFault(
                message: "\(command.name) needs \(required[positional.count].name): "
                    + required[positional.count].doc, command: command)
        }
        guard positional.count <= command.arguments.count else {
            throw UsageFault(
                message: "\(command.name) takes no \"\(positional[command.arguments.count])\"", command: command)
        }
        for option in command.options where option.isRequired && named[option.name] == nil {
            throw UsageFault(
                message: "\(command.name) needs \(option.name) \(option.value ?? ""): \(option.doc)", command: command)
        }
    }

    var wantsHelp: Bool { has("--help") }
    var wantsJSON: Bool { has("--json") }

    func has(_ name: String) -> Bool { switches.contains(name) }

    subscript(_ name: String) -> String? {
        if let value = named[name] { return value }
        guard let index = command.arguments.firstIndex(where: { $0.name == name }), index < positional.count else {
            return nil
        }
        return positional[index]
    }

    /// A value that the table says is required.
    func need(_ name: String) throws(UsageFault) -> String {
        guard let value = self[name], !value.isEmpty else {
            throw UsageFault(message: "\(command.name) needs \(name)", command: command)
        }
        return value
    }

    func whole(_ name: String) throws(UsageFault) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let number = Int64(text) else {
            throw UsageFault(message: "\(name) must be a whole number; got \"\(text)\"", command: command)
        }
        return number
    }

    /// Seconds, also as `90s`, `15m`, `24h`, `7d`.
    func seconds(_ name: String) throws(UsageFault) -> Int64? {
        guard let text = self[name] else { return nil }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let unit = text.last.flatMap { units[$0] }
        guard let number = Int64(unit == nil ? Substring(text) : text.dropLast()), number >= 0,
            number < Int64.max / 86_400
        else {
            throw UsageFault(message: "\(name) must be a time such as 90s, 15m, 24h or 7d; got \"\(text)\"")
        }
        return number * (unit ?? 1)
    }

    private var flags: [(key: String, flag: String, text: String)] {
        self["--data"].map { [("data_dir", "--data", $0)] } ?? []
    }

    /// Who to ask whether a gateway runs; nil when the settings do not even tell where that would be.
    func runningGateway() -> ControlClient? {
        Configuration.dataDirectory(file: self["--config"], flags: flags).map(ControlClient.init(dataDirectory:))
    }

    /// The configuration a command works with that does not buy: `serve` and `check` read it for themselves.
    func configuration() throws -> Configuration {
        do throws(ConfigurationFailure) {
            return try Configuration.load(file: self["--config"], flags: flags, isService: false)
        } catch {
            throw Failure(message: error.description)
        }
    }
}
