import Glibc
import Testing

/// Another program, its output read line by line. Foundation's `Process` waits on a run loop, which the threads that
/// run tests do not have.
final class Program {
    private let output: UnsafeMutablePointer<FILE>
    private let id: pid_t
    private var isRunning = true

    init(_ command: String) throws {
        output = try Self.open("echo $$; exec \(command) 2>/dev/null </dev/null")
        id = try #require(Self.line(of: output).flatMap { pid_t($0) })
    }

    /// Among a thousand threads and as many connections the system may have nothing left for a moment.
    private static func open(_ command: String) throws -> UnsafeMutablePointer<FILE> {
        for _ in 0..<20 {
            if let output = popen(command, "r") { return output }
            usleep(50_000)
        }
        return try #require(popen(command, "r"), "errno \(errno)")
    }

    /// The next line without its end, or nil after the last.
    func line() -> String? { Self.line(of: output) }

    /// All that is left of the output, as bytes.
    func bytes() -> [UInt8] {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, output)
            if count == 0 { return all }
            all += buffer[..<count]
        }
    }

    /// Waits for the end, which must be a success.
    func finish() throws {
        isRunning = false
        try #require(pclose(output) == 0)
    }

    func stop() {
        guard isRunning else { return }
        isRunning = false
        // Not a signal that can be blocked: the child has the mask of a Dispatch thread, which blocks the others.
        kill(id, SIGKILL)
        pclose(output)
    }

    deinit { stop() }

    private static func line(of output: UnsafeMutablePointer<FILE>) -> String? {
        var line: [UInt8] = []
        while true {
            let byte = fgetc(output)
            if byte == EOF { return line.isEmpty ? nil : String(decoding: line, as: UTF8.self) }
            if byte == 10 { return String(decoding: line, as: UTF8.self) }
            line.append(UInt8(truncatingIfNeeded: byte))
        }
    }
}
