import Gateway

/// `serve`: the gateway itself, until a signal ends it.
enum Serve {
    static func run(_ invocation: Invocation, flags: [(key: String, flag: String)]) async throws -> ExitCode {
        var given = flags.compactMap { flag in invocation[flag.flag].map { (flag.key, flag.flag, $0) } }
        if let data = invocation["--data"] { given.append(("data_dir", "--data", data)) }
        let flags = given
        do throws(ConfigurationFailure) {
            let configuration = try Configuration.load(file: invocation["--config"], flags: flags)
            // A file that was found in its usual place is from now on the file: were it gone for a moment, a reload
            // would find none, and put the defaults in the place of all settings.
            let file = configuration.file
            let load: @Sendable () throws(ConfigurationFailure) -> Configuration = { () throws(ConfigurationFailure) in
                try Configuration.load(file: file, flags: flags)
            }
            return switch await Gateway.run(configuration, reload: load, tell: { Terminal.print($0) }) {
            case .stopped: .done
            case .couldNotStart(let why): throw ConfigurationFailure.unreadable(why)
            case .storeFailed: .fatal
            }
        } catch {
            throw Failure(message: error.description)
        }
    }
}
