import Store

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

    /// What an operator should know about the libraries this program found; nothing, when all is well.
    package static var libraryNotes: [String] {
        guard SQLiteLibrary.hasWALResetBug else { return [] }
        return [
            """
            SQLite \(SQLiteLibrary.version) has the WAL-reset bug (3.7.0 to 3.51.2). The gateway is safe from it, for \
            one connection alone writes and checkpoints; let no other program write to its database while it runs \
            (no sqlite3 shell, no Litestream).
            """
        ]
    }

    /// Where the running gateway listens for its operator.
    package static func controlSocket(in dataDirectory: String) -> String { dataDirectory + "/control.sock" }
}
