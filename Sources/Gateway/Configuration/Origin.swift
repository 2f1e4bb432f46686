/// Where a value came from, in the words an operator would use to find it.
package enum Origin: Hashable, Sendable, CustomStringConvertible {
    case standard
    case file(path: String, line: Int, column: Int)
    case environment(name: String)
    case flag(name: String)

    package var description: String {
        switch self {
        case .standard: "default"
        case .file(let path, let line, _): "\(path):\(line)"
        case .environment(let name): name
        case .flag(let name): name
        }
    }
}

/// One mistake in the settings.
package struct ConfigurationFault: Hashable, Sendable, CustomStringConvertible {
    /// nil when it is about several values at once.
    package let origin: Origin?
    /// The setting's full name; nil for a fault of the text itself.
    package let key: String?
    package let message: String

    package var description: String {
        let place =
            switch origin {
            case .file(let path, let line, let column)?: "\(path):\(line):\(column): "
            case let origin?: "\(origin): "
            case nil: ""
            }
        return place + (key.map { "\($0): " } ?? "") + message
    }
}

/// All the mistakes found together.
package struct ConfigurationFaults: Error, Sendable, CustomStringConvertible {
    package let faults: [ConfigurationFault]

    package var description: String { faults.map(\.description).joined(separator: "\n") }
}
