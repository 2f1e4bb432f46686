import Glibc

/// Why there is no configuration.
package enum ConfigurationFailure: Error, Sendable, CustomStringConvertible {
    case unreadable(String)
    case wrong(ConfigurationFaults)

    package var description: String {
        switch self {
        case .unreadable(let why): why
        case .wrong(let faults): faults.description
        }
    }
}

extension Configuration {
    /// Places looked at for a file when none is named.
    private static let usualFiles = ["gateway.json5", "/etc/trellis-gateway/gateway.json5"]

    /// Reads everything there is: the file that is named, or else the usual ones, the environment, the flags.
    package static func load(
        file: String?, flags: [(key: String, flag: String, text: String)], isService: Bool = true
    ) throws(ConfigurationFailure) -> Configuration {
        var sources = try sources(file: file, flags: flags)
        sources.isService = isService
        do throws(ConfigurationFaults) {
            return try Configuration(sources)
        } catch {
            throw .wrong(error)
        }
    }

    /// The data directory alone, which is all that is needed to find the gateway that runs on it: a mistake in a
    /// file that nobody has loaded yet must not keep an operator from it. nil when it is one that hides where that is.
    package static func dataDirectory(file: String?, flags: [(key: String, flag: String, text: String)]) -> String? {
        let whole = try? sources(file: file, flags: flags)
        return whole.map { $0.dataDirectory(isWhole: true) }
            ?? ConfigurationSources(environment: environment(), flags: flags).dataDirectory(isWhole: false)
    }

    private static func sources(
        file: String?, flags: [(key: String, flag: String, text: String)]
    ) throws(ConfigurationFailure) -> ConfigurationSources {
        let environment = Self.environment()
        var sources = ConfigurationSources(environment: environment, flags: flags, contents: Self.contents)
        if let named = file ?? environment["TRELLIS_CONFIG"] {
            guard let bytes = contents(of: named) else { throw unreadable(named) }
            sources.file = (named, bytes)
        } else {
            for path in usualFiles {
                if let bytes = contents(of: path) {
                    sources.file = (path, bytes)
                    break
                }
                // Only a file that is not there is passed over: one that cannot be read holds settings all the same.
                guard errno == ENOENT || errno == ENOTDIR else { throw unreadable(path) }
            }
        }
        return sources
    }

    private static func unreadable(_ path: String) -> ConfigurationFailure {
        .unreadable("cannot read the configuration \(path): \(String(cString: strerror(errno)))")
    }

    private static func environment() -> [String: String] {
        var result: [String: String] = [:]
        var entry = environ
        while let line = entry.pointee {
            let parts = String(cString: line).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { result[String(parts[0])] = String(parts[1]) }
            entry += 1
        }
        return result
    }

    /// A configuration or a secret; anything larger than a megabyte is neither.
    @Sendable static func contents(of path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        var filled = 0
        while filled < bytes.count {
            let got = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { return nil }
            if got == 0 { break }
            filled += got
        }
        return Array(bytes[..<filled])
    }
}
