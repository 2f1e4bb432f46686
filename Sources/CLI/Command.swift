/// One thing the program can be told to do. Parsing, `--help`, suggestions and the operators' requests are all read
/// from these rows.
struct Command: Sendable {
    /// As typed: `["accounts", "create"]`.
    let words: [String]
    /// One line, for the list.
    let summary: String
    /// More, for `--help`: what it does, what it prints, an example.
    var detail = ""
    var arguments: [Argument] = []
    var options: [Option] = []
    let action: Action

    /// Given by its place.
    struct Argument: Sendable {
        let name: String
        let doc: String
        var isRequired = true
    }

    /// Given by its name.
    struct Option: Sendable {
        /// With its dashes: `--credits`.
        let name: String
        /// What stands behind it, such as `N`; nil: nothing, it is a switch.
        var value: String?
        let doc: String
        var isRequired = false
    }

    enum Action: Sendable {
        /// A request to the admin API: of the running gateway if there is one, else of the store, opened for it.
        case ask(@Sendable (Invocation) throws -> AdminRequest)
        case run(@Sendable (Invocation) async throws -> ExitCode)
    }

    var name: String { words.joined(separator: " ") }
}

enum ExitCode: Int32, Sendable {
    case done = 0
    case failed = 1
    case usage = 2
    /// The store can no longer be trusted to keep what it says: a restart has to look.
    case fatal = 3
}

/// The command line was not understood.
struct UsageFault: Error {
    let message: String
    var command: Command?
}

/// Something that should have worked did not.
struct Failure: Error {
    let message: String
}

/// What an operator's command asks of the admin API.
struct AdminRequest: Sendable {
    let method: String
    let path: String
    var body: [UInt8] = []
    /// The column names of the table a person sees; empty: whatever the answer has.
    var columns: [String] = []
    /// Whether it may be the first thing ever asked of a data directory. All else is refused on an empty one: a
    /// mistyped --data must not verify, or back up, a ledger that nobody knew.
    var mayBegin = false
    /// Looks at the answer once more: what is wrong with it although the request went well.
    var objection: (@Sendable (Answer) -> String?)?
    /// What a person should know about a good answer that does not show in it.
    var remark: (@Sendable (Answer) -> String?)?
}
