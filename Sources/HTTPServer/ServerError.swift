import Glibc

/// Why the server could not start or reload.
package struct ServerError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    init(_ message: String) { description = message }

    /// An address that cannot be listened on.
    init(listeningOn address: String, _ code: Int32) {
        let advice: StaticString =
            switch code {
            case EADDRINUSE: "; end the other server that listens there, or choose another address"
            case EADDRNOTAVAIL: "; this machine has no such address"
            case EACCES: "; this user may not listen there"
            default: ""
            }
        self.init("cannot listen on \(address): \(String(cString: strerror(code)))\(advice)")
    }

    /// A failed system call, with what it was about.
    init(_ call: String, _ code: Int32) {
        description = "\(call): \(String(cString: strerror(code)))"
    }
}
