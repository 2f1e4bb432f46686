import Gateway
import JSON

/// `restore`: what was put where, and what is missing.
enum Restore {
    static func run(_ call: Invocation) throws -> ExitCode {
        let configuration = try call.configuration()
        let file = try call.need("FILE")
        let done = try Gateway.restore(file, files: call["--files"] ?? file + ".files", into: configuration)
        if call.wantsJSON {
            var json = JSONWriter()
            json.object { json in
                json.member("data_dir", configuration.dataDirectory)
                json.member("old_database", done.oldDatabase)
                json.member("old_master_key", done.oldKey)
                json.member("file_count", done.files)
                json.array("warnings") { for warning in done.warnings { $0.string(warning) } }
            }
            Terminal.print(json.text)
            return .done
        }
        Terminal.print("restored into \(configuration.dataDirectory)")
        if let files = done.files { Terminal.print("pictures and models: \(files)") }
        if let old = done.oldDatabase { Terminal.print("the database that was there is now \(old)") }
        if let old = done.oldKey { Terminal.print("the master key that was there is now \(old)") }
        for warning in done.warnings { Terminal.complain("WARNING: \(warning)") }
        Terminal.print("nothing is bought until you have looked and run `trellis-gateway release`")
        return .done
    }
}
