/// What can be set about the engine.
package struct StoreOptions: Sendable {
    /// FULL: what is acknowledged survives a power cut. NORMAL: the latest may not; here for the test that proves
    /// the difference, and for nothing else.
    package enum Synchronous: String, Sendable { case full, normal }

    package var synchronous = Synchronous.full
    /// Reading connections. Two cores' worth and some more for when one waits for the disk.
    package var readers = 3
    /// Tasks held in memory, at about 3 kB each.
    package var cachedTasks = 16_384
    /// 32 bytes; nil: from `master.key` in the data directory, made at the first start.
    package var masterKey: [UInt8]?
    /// Whether the database is copied before its schema changes.
    package var copiesBeforeUpgrade = true
    /// Told when the storage failed in a way that only a restart mends. The gateway should exit.
    package var onFatal: @Sendable (String) -> Void = { _ in }
    var writer = Writer.Limits()

    /// Writes that may share a commit.
    package var largestCommit: Int {
        get { writer.batch }
        set { writer.batch = max(1, newValue) }
    }

    package init() {}
}

/// What bringing a database to this version's schema took.
package struct SchemaUpgrade: Hashable, Sendable {
    /// The schema's number before; 0: there was no database.
    package var from = 0
    /// Number and name of each migration that was applied, or would be.
    package var applied: [String] = []
    /// Where the database is kept as it was before; nil: it was new, up to date, or no copy was wanted.
    package var copy: String?

    package init() {}
}

/// Why a data directory could not be opened.
package enum StoreOpenError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Another process has it.
    case locked(pid: Int32?, path: String)
    /// It was written by a newer version of this program. Nothing was touched.
    case newerSchema(found: Int, known: Int, path: String)
    /// A migration that is in the database is not the one in this program.
    case otherSchema(String)
    /// The database is damaged. Nothing was touched.
    case damaged(String)
    /// On a network file system, where locks and syncs cannot be relied on.
    case notLocal(path: String)
    case masterKey(String)
    case storage(String)

    package var description: String {
        switch self {
        case .locked(let pid?, let path): "\(path) is in use by process \(pid); stop it first"
        case .locked(nil, let path): "\(path) is in use by another process; stop it first"
        case .newerSchema(let found, let known, let path):
            "\(path) has schema \(found), and this program knows up to \(known): use the version that wrote it, or a newer one"
        case .otherSchema(let what): what
        case .damaged(let what): "the database is damaged: \(what); restore a backup"
        case .notLocal(let path): "\(path) is on a network file system: put the data directory on a local disk"
        case .masterKey(let what): what
        case .storage(let what): what
        }
    }

    init(_ error: any Error, path: String) {
        switch error {
        case let error as StoreOpenError: self = error
        case let fault as SQLiteFault where fault.primary == 11 || fault.primary == 26:
            self = .damaged(fault.message)
        case let fault as SQLiteFault where fault.isBusy: self = .locked(pid: nil, path: path)
        case let fault as SQLiteFault: self = .storage("\(path): \(fault)")
        case StoreError.broken(let what): self = .damaged(what)
        default: self = .storage("\(path): \(error)")
        }
    }
}
