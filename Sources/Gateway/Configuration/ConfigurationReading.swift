import Defaults
import Domain
import Providers

/// What settings are read from, least important first. Values, so that a test can say what the world is like.
package struct ConfigurationSources: Sendable {
    /// The file, if there is one: its path as the operator knows it, and its bytes.
    package var file: (path: String, bytes: [UInt8])?
    package var environment: [String: String]
    /// What the command line said, by setting: `("listen", "--listen", "127.0.0.1:0")`.
    package var flags: [(key: String, flag: String, text: String)]
    /// Reads a file that holds a secret, by `NAME_FILE`; nil when it cannot be read.
    package var contents: @Sendable (_ path: String) -> [UInt8]?
    /// Whether it is for the gateway itself: then a provider that is enabled must have its key, and the files that are
    /// named must be there. A command that only asks a gateway, or its data, needs neither: those are in the service's
    /// environment, and an operator's shell has none of it.
    package var isService = true

    package init(
        file: (path: String, bytes: [UInt8])? = nil, environment: [String: String] = [:],
        flags: [(key: String, flag: String, text: String)] = [],
        contents: @escaping @Sendable (String) -> [UInt8]? = { _ in nil }
    ) {
        self.file = file
        self.environment = environment
        self.flags = flags
        self.contents = contents
    }
}

extension Configuration {
    package init(_ sources: ConfigurationSources) throws(ConfigurationFaults) {
        let reading = ConfigurationReading(sources)
        self.init()
        file = sources.file?.path
        for setting in Setting.all {
            guard let (value, origin) = reading.values[setting.key] else { continue }
            setting.apply(&self, value)
            effective.append(
                EffectiveSetting(key: setting.key, exact: value, origin: origin, needsRestart: setting.needsRestart))
        }
        unset = reading.unset
        // What could not be read is told once: that it is missing as well is no second mistake.
        let missing = contradictions(isService: sources.isService).filter { fault in
            !reading.faults.contains { $0.key == fault.key }
        }
        // A default that could not be read, and that something else is said instead of, is missed by nobody.
        let given = reading.faults.filter { $0.origin != .standard || reading.values[$0.key ?? ""] == nil }
        let faults = given + missing
        guard faults.isEmpty else { throw ConfigurationFaults(faults: faults) }
    }
}

extension ConfigurationSources {
    /// nil when the mistakes there are may hide it. `isWhole`: all that there is to read was read.
    func dataDirectory(isWhole: Bool) -> String? {
        let (reading, key) = (ConfigurationReading(self), "data_dir")
        guard let setting = Setting.byKey[key], let (value, origin) = reading.values[key], reading.isCertain(key),
            isWhole || origin != .standard
        else { return nil }
        var configuration = Configuration()
        setting.apply(&configuration, value)
        return configuration.dataDirectory
    }
}

/// Reads layer over layer and gathers the mistakes.
struct ConfigurationReading {
    private let sources: ConfigurationSources
    private(set) var values: [String: (value: SettingValue, origin: Origin)] = [:]
    private(set) var faults: [ConfigurationFault] = []
    /// Secrets whose variable is not set, by setting.
    private(set) var unset: [String: String] = [:]

    init(_ sources: ConfigurationSources) {
        self.sources = sources
        readDefaults()
        readFile()
        readEnvironment()
        readFlags()
    }

    /// Whether a value is what it will be once the mistakes are mended; what a text that cannot be read to its end
    /// says may still be overruled there.
    func isCertain(_ key: String) -> Bool {
        guard let origin = values[key]?.origin, !faults.contains(where: { $0.key == key }) else { return false }
        switch origin {
        case .environment, .flag: return true
        case .standard, .file:
            return !faults.contains { fault in
                if case .file? = fault.origin { fault.key == nil } else { false }
            }
        }
    }

    private mutating func readDefaults() {
        do throws(JSON5Fault) {
            walk(try JSON5Reader.read(Defaults.bytes), under: "") { _ in .standard }
        } catch {
            preconditionFailure("the embedded defaults: line \(error.position.line): \(error.message)")
        }
        // A fault here is the world's, such as a file that NAME_FILE names and nobody can read: told like any other.
    }

    private mutating func readFile() {
        guard let (path, bytes) = sources.file else { return }
        let origin = { (position: TextPosition) in
            Origin.file(path: path, line: position.line, column: position.column)
        }
        do throws(JSON5Fault) {
            walk(try JSON5Reader.read(bytes), under: "", origin)
        } catch {
            faults.append(ConfigurationFault(origin: origin(error.position), key: nil, message: error.message))
        }
    }

    private mutating func readEnvironment() {
        let byVariable = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.variable, $0) })
        for (name, text) in sources.environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("TRELLIS_") {
            let origin = Origin.environment(name: name)
            if let setting = byVariable[name] {
                take(text, for: setting, origin)
            } else if name.hasSuffix("_FILE"), let setting = byVariable[String(name.dropLast(5))] {
                if let contents = fileText(text) {
                    take(contents, for: setting, origin)
                } else {
                    faults.append(
                        ConfigurationFault(origin: origin, key: setting.key, message: "cannot read the file \(text)"))
                }
            } else if !Self.isOfKubernetes(name), name != "TRELLIS_CONFIG" {
                let hint = Spelling.nearest(to: name, of: byVariable.keys).map { "; did you mean \($0)?" } ?? ""
                faults.append(
                    ConfigurationFault(origin: origin, key: nil, message: "no setting has this variable" + hint))
            }
        }
    }

    private mutating func readFlags() {
        for (key, flag, text) in sources.flags {
            guard let setting = Setting.byKey[key] else { preconditionFailure("\(flag) sets no setting: \(key)") }
            take(text, for: setting, .flag(name: flag))
        }
    }

    /// Kubernetes tells every container of the services beside it; one called `trellis` gives variables that are
    /// none of ours.
    private static func isOfKubernetes(_ name: String) -> Bool {
        name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.hasSuffix("_PORT")
            || name.contains("_PORT_")
    }

    private mutating func take(_ text: String, for setting: Setting, _ origin: Origin) {
        do throws(ValueFault) {
            values[setting.key] = (try setting.kind.read(text: text), origin)
        } catch {
            faults.append(ConfigurationFault(origin: origin, key: setting.key, message: error.message))
        }
    }

    // MARK: The tree of a file

    private mutating func walk(
        _ value: JSON5Value, under prefix: String, _ origin: (TextPosition) -> Origin
    ) {
        guard case .object(let members) = value.content else {
            faults.append(
                ConfigurationFault(
                    origin: origin(value.position), key: prefix.isEmpty ? nil : String(prefix.dropLast()),
                    message: "must be an object { … }; got \(value.kind)"))
            return
        }
        for member in members {
            let key = prefix + member.name
            if let setting = Setting.byKey[key] {
                read(member, setting, origin)
            } else if Setting.all.contains(where: { $0.key.hasPrefix(key + ".") }) {
                // `null` for a whole section leaves it as it is.
                if case .null = member.value.content { continue }
                walk(member.value, under: key + ".", origin)
            } else {
                faults.append(
                    ConfigurationFault(
                        origin: origin(member.position), key: key,
                        message: "there is no such setting" + Self.hint(member.name, under: prefix)))
            }
        }
    }

    private mutating func read(_ member: JSON5Member, _ setting: Setting, _ origin: (TextPosition) -> Origin) {
        var place = origin(member.position)
        unset[setting.key] = nil
        do throws(ValueFault) {
            let value = try setting.kind.read(member.value) { text throws(ValueFault) in
                let expansion = try expand(text)
                if let variable = expansion.unset {
                    guard setting.isSecret else {
                        throw ValueFault(message: "the environment variable \(variable) is not set")
                    }
                    unset[setting.key] = variable
                    return nil
                }
                // The defaults only name the variable: whoever set it is who to ask.
                if place == .standard, let variable = expansion.variable { place = .environment(name: variable) }
                return expansion.text
            }
            values[setting.key] = (value, place)
        } catch {
            for fault in [error] + error.others {
                faults.append(
                    ConfigurationFault(
                        origin: fault.position.map(origin) ?? place, key: setting.key, message: fault.message))
            }
        }
    }

    /// The known name nearest to a wrong one: beside it, or the same word elsewhere.
    private static func hint(_ name: String, under prefix: String) -> String {
        let known = Setting.all.map(\.key)
        let beside = Set(
            known.filter { $0.hasPrefix(prefix) }.compactMap {
                $0.dropFirst(prefix.count).split(separator: ".").first.map(String.init)
            })
        if let near = Spelling.nearest(to: name, of: beside.sorted()) { return "; did you mean \(prefix)\(near)?" }
        if let elsewhere = known.first(where: { $0.hasSuffix("." + name) }) { return "; did you mean \(elsewhere)?" }
        return "; known here: " + beside.sorted().joined(separator: ", ")
    }

    // MARK: ${NAME}

    private struct Expansion {
        var text = ""
        /// The last variable that was put in.
        var variable: String?
        /// The first that is not set.
        var unset: String?
    }

    /// Puts variables in the place of `${NAME}`. That a secret's variable is not set is no mistake here: it is missed
    /// only when its provider is enabled.
    private func expand(_ text: String) throws(ValueFault) -> Expansion {
        var result = Expansion()
        var rest = Substring(text)
        while let start = Self.opening(in: rest) {
            let behind = rest[start...].dropFirst(2)
            guard let end = behind.firstIndex(of: "}") else { throw ValueFault(message: "has a ${ without its }") }
            let name = String(behind[..<end])
            result.text += rest[..<start]
            if let value = sources.environment[name] {
                result.text += value
                result.variable = name
            } else if let path = sources.environment[name + "_FILE"] {
                guard let value = fileText(path) else {
                    throw ValueFault(message: "cannot read the file \(path) that \(name)_FILE names")
                }
                result.text += value
                result.variable = name + "_FILE"
            } else {
                result.unset = result.unset ?? name
            }
            rest = behind[end...].dropFirst()
        }
        result.text += rest
        return result
    }

    private static func opening(in text: Substring) -> Substring.Index? {
        let bytes = text.utf8
        return bytes.indices.first { index in
            bytes[index] == UInt8(ascii: "$") && bytes[bytes.index(after: index)...].first == UInt8(ascii: "{")
        }
    }

    /// A file's text without the line break that editors put at its end.
    private func fileText(_ path: String) -> String? {
        sources.contents(path).map { bytes in
            var bytes = bytes[...]
            while bytes.last == 0x0A || bytes.last == 0x0D { bytes.removeLast() }
            return String(decoding: bytes, as: UTF8.self)
        }
    }
}
