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
    /// Whether a provider that is enabled must have its key.
    package var needsKeys = true

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
        var reading = ConfigurationReading(sources)
        reading.readDefaults()
        reading.readFile()
        reading.readEnvironment()
        reading.readFlags()
        self.init()
        file = sources.file?.path
        for setting in Setting.all {
            guard let (value, origin) = reading.values[setting.key] else { continue }
            setting.apply(&self, value)
            effective.append(
                EffectiveSetting(key: setting.key, exact: value, origin: origin, needsRestart: setting.needsRestart))
        }
        // What could not be read is told once: that it is missing as well is no second mistake.
        let missing = contradictions(missingKeys: sources.needsKeys).filter { fault in
            !reading.faults.contains { $0.key == fault.key }
        }
        // A default that could not be read, and that something else is said instead of, is missed by nobody.
        let given = reading.faults.filter { $0.origin != .standard || reading.values[$0.key ?? ""] == nil }
        let faults = given + missing
        guard faults.isEmpty else { throw ConfigurationFaults(faults: faults) }
    }
}

/// Reads layer over layer and gathers the mistakes.
struct ConfigurationReading {
    private let sources: ConfigurationSources
    private(set) var values: [String: (value: SettingValue, origin: Origin)] = [:]
    private(set) var faults: [ConfigurationFault] = []

    init(_ sources: ConfigurationSources) { self.sources = sources }

    mutating func readDefaults() {
        do throws(JSON5Fault) {
            walk(try JSON5Reader.read(Defaults.bytes), under: "") { _ in .standard }
        } catch {
            preconditionFailure("the embedded defaults: line \(error.position.line): \(error.message)")
        }
        // A fault here is the world's, such as a file that NAME_FILE names and nobody can read: told like any other.
    }

    mutating func readFile() {
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

    mutating func readEnvironment() {
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

    mutating func readFlags() {
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
        let place = origin(member.position)
        do throws(ValueFault) {
            let value = try setting.kind.read(member.value) { text throws(ValueFault) in
                try expand(text, isSecret: setting.isSecret)
            }
            values[setting.key] = (value, place)
        } catch {
            faults.append(
                ConfigurationFault(
                    origin: error.position.map(origin) ?? place, key: setting.key, message: error.message))
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

    /// Puts variables in the place of `${NAME}`. A secret whose variable is not set is nil: it is missed only when
    /// its provider is enabled.
    private func expand(_ text: String, isSecret: Bool) throws(ValueFault) -> String? {
        var result = ""
        var rest = Substring(text)
        while let start = Self.opening(in: rest) {
            let behind = rest[start...].dropFirst(2)
            guard let end = behind.firstIndex(of: "}") else { throw ValueFault(message: "has a ${ without its }") }
            let name = String(behind[..<end])
            result += rest[..<start]
            if let value = sources.environment[name] {
                result += value
            } else if let path = sources.environment[name + "_FILE"] {
                guard let value = fileText(path) else {
                    throw ValueFault(message: "cannot read the file \(path) that \(name)_FILE names")
                }
                result += value
            } else if isSecret {
                return nil
            } else {
                throw ValueFault(message: "the environment variable \(name) is not set")
            }
            rest = behind[end...].dropFirst()
        }
        return result + rest
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
