/// The program as its command line sees it.
package enum Gateway {
    package static let version = "0.1.0"

    /// For the very first lines of a program that is going to `run`: no signal is lost while it starts.
    package static func holdSignals() { Signals.hold() }

    /// How a run ended.
    package enum Ending: Sendable {
        case stopped
        case couldNotStart(String)
        case storeFailed
    }

    /// Where the running gateway listens for its operator.
    package static func controlSocket(of configuration: Configuration) -> String {
        configuration.dataDirectory + "/control.sock"
    }
}
