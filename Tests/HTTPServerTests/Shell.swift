import Foundation

/// Runs a command and returns what it wrote; throws what it said when it fails.
func shell(_ command: String) throws -> [UInt8] {
    struct Failure: Error { let command: String, status: Int32, output: String }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    // Nothing else: another room's test plants proxies in the environment while it runs.
    process.environment = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let bytes = [UInt8](output.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw Failure(
            command: command, status: process.terminationStatus, output: String(decoding: bytes, as: UTF8.self))
    }
    return bytes
}

/// A directory that goes when the test does.
final class TemporaryDirectory {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("http-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
