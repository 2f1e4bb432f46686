import Gateway
import JSON

/// `check`: what is in force, or all that is wrong.
enum Check {
    static func run(_ invocation: Invocation) throws -> ExitCode {
        var flags: [(key: String, flag: String, text: String)] = []
        if let data = invocation["--data"] { flags.append(("data_dir", "--data", data)) }
        let configuration: Configuration
        do throws(ConfigurationFailure) {
            configuration = try Configuration.load(file: invocation["--config"], flags: flags)
        } catch {
            guard case .wrong(let faults) = error else { throw Failure(message: error.description) }
            report(faults.faults, asJSON: invocation.wantsJSON)
            return .failed
        }
        let settings = configuration.effective.filter { !invocation.has("--changed") || $0.origin != .standard }
        if invocation.wantsJSON {
            var json = JSONWriter()
            json.object {
                $0.member("ok", true)
                $0.array("settings") {
                    for setting in settings {
                        $0.object {
                            $0.member("key", setting.key)
                            $0.member("value", setting.value)
                            $0.member("origin", setting.origin.description)
                        }
                    }
                }
            }
            Terminal.print(json.text)
        } else {
            let width = settings.map(\.key.count).max() ?? 0
            let values = settings.map(\.value.count).max().map { min($0, 48) } ?? 0
            for setting in settings {
                let key = setting.key.padded(to: width)
                let value = setting.value.padded(to: values)
                Terminal.print("\(key)  \(value)  # \(setting.origin)")
            }
            if settings.isEmpty { Terminal.print("every setting is at its default") }
            for warning in configuration.warnings + Gateway.libraryNotes { Terminal.complain("note: \(warning)") }
        }
        return .done
    }

    private static func report(_ faults: [ConfigurationFault], asJSON: Bool) {
        guard asJSON else {
            for fault in faults { Terminal.complain(fault.description) }
            Terminal.complain(faults.count == 1 ? "1 mistake" : "\(faults.count) mistakes")
            return
        }
        var json = JSONWriter()
        json.object {
            $0.member("ok", false)
            $0.array("mistakes") {
                for fault in faults {
                    $0.object {
                        $0.member("key", fault.key)
                        $0.member("origin", fault.origin?.description)
                        $0.member("message", fault.message)
                    }
                }
            }
        }
        Terminal.print(json.text)
    }
}
