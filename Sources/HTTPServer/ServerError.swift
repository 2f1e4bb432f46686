import Glibc

/// Why the server could not start or reload.
package struct ServerError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ message: String) { description = message }

    /// A failed system call, with what it was about.
    init(_ call: String, _ code: Int32) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}
