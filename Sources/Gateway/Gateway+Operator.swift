import API
import Domain
import Glibc
import HTTP
import HTTPClient
import Store
import Synchronization
import Work

extension Gateway {
    /// Answers one request of the admin API when no gateway runs: opens the store, asks the very same handlers, and
    /// closes it again. Throws when the store cannot be opened, such as when a gateway does run.
    package static func administer(
        _ configuration: Configuration, method: String, target: String, body: [UInt8]
    ) async throws -> (status: Int, body: [UInt8]) {
        umask(0o077)
        let log = Log(level: .warning, format: .text, redactor: Redactor(configuration.secrets))
        defer { log.flush() }
        let house = try House(configuration, log: log, onFatal: { _ in })
        try await house.work.recall()
        let api = API(
            store: house.store, around: house.surroundings(), status: house.status,
            settings: configuration.front)
        let request = HTTPRequest(
            HTTPMethod(method), target, headers: ["Content-Type": "application/json"], body: body,
            listener: Listener.control)
        let answer = await withCheckedContinuation { continuation in
            let outlet = OneAnswer { continuation.resume(returning: $0) }
            let reply = Reply(token: .init(connection: 0, generation: 0), outlet: outlet)
            if let answer = api.respond(to: request, reply: reply) { outlet.give(answer) }
        }
        await house.receivers.close()
        await house.client.close()
        await house.store.close()
        guard case .bytes(let bytes) = answer.body else { return (Int(answer.status.code), []) }
        return (Int(answer.status.code), bytes)
    }

    /// Whether anything has ever been kept in the data directory. One that cannot be looked into counts as kept:
    /// whoever opens it will hear why.
    package static func hasData(_ configuration: Configuration) -> Bool {
        access(configuration.dataDirectory + "/gateway.db", F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)
    }

    /// Puts a backup in the place of what is there: the database from `file`, pictures, models and master key from
    /// `files`, if that is a directory.
    package static func restore(
        _ file: String, files: String, into configuration: Configuration
    ) throws -> RestoredBackup {
        umask(0o077)
        return try RestoredBackup(file, files: files, into: configuration.dataDirectory, at: .now)
    }

    /// Names the migrations that the database lacks, and applies them unless it is a dry run.
    package static func migrate(
        _ configuration: Configuration, dryRun: Bool
    ) throws -> (applied: [String], copy: String?) {
        umask(0o077)
        let upgrade = try SQLiteStore.migrate(
            directory: configuration.dataDirectory, dryRun: dryRun, keepingCopy: configuration.backsUpBeforeUpgrade)
        return (upgrade.applied, upgrade.copy)
    }
}

/// Where the answer to one request goes when there is no connection.
private final class OneAnswer: ReplyOutlet {
    private let taker: Mutex<(@Sendable (HTTPResponse) -> Void)?>

    init(_ take: @escaping @Sendable (HTTPResponse) -> Void) { taker = Mutex(take) }

    func give(_ response: HTTPResponse) {
        taker.withLock { taker in
            defer { taker = nil }
            return taker
        }?(response)
    }

    func post(_ message: ReplyMessage, for token: Reply.Token) {
        switch message {
        case .complete(let response): give(response)
        case .open(let head, let writer):
            give(head)
            writer.closed()
        case .chunk, .finish, .watch, .abandon: break
        }
    }
}
