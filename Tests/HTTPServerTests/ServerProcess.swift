import Foundation
import Glibc

/// One of this package's programs as a process of its own, for what cannot be measured or limited inside the test.
final class ServerProcess {
    let port: UInt16
    private let process = Process()

    struct Failure: Error { let message: String }

    /// Starts the program, which must print the port it listens on as the last word of its first line.
    init(_ program: String, _ arguments: [String], descriptors: Int? = nil) throws {
        let products = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        let here = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let candidates = [
            products.appendingPathComponent(program), here.appendingPathComponent(".build/debug/\(program)"),
        ]
        guard let path = candidates.first(where: { FileManager.default.isExecutableFile(atPath: $0.path) }) else {
            throw Failure(message: "\(program) has not been built")
        }
        let limit = descriptors.map { "ulimit -n \($0); " } ?? ""
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", limit + "exec \"$0\" \"$@\"", path.path] + arguments
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        var line = ""
        while !line.hasSuffix("\n") {
            let byte = output.fileHandleForReading.readData(ofLength: 1)
            if byte.isEmpty { throw Failure(message: "\(program) ended before it listened") }
            line += String(decoding: byte, as: UTF8.self)
        }
        guard let port = UInt16(line.split(whereSeparator: \.isWhitespace).last ?? "") else {
            throw Failure(message: "\(program) said \(line)")
        }
        self.port = port
    }

    func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process.processIdentifier)/statm", encoding: .utf8)
        return (Int(text.split(separator: " ")[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
