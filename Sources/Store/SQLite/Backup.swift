import Domain
import Glibc

extension SQLiteStore {
    /// A copy of one moment, made while work goes on, looked through and verified before it gets its name. It starts
    /// in reconcile mode: what it has queued may long have been bought by the gateway it was taken from.
    package func backup(to path: String) async throws(StoreError) {
        guard access(path, F_OK) != 0 else { throw .alreadyExists(path) }
        let directory = DataDirectory.parent(of: path)
        guard access(directory + "/.", W_OK | X_OK) == 0 else {
            throw .refused("Nothing can be written to \(directory): \(String(cString: strerror(errno))).")
        }
        let source = self.path
        do {
            // On a thread of its own, not a reader's: it takes as long as the disk does.
            try await Backup.queue.run { try Backup.make(from: source, to: path) }
        } catch {
            // None of it is this gateway's own trouble, such as a full disk would be: whoever asked is told why.
            switch error {
            case StoreError.broken(let why): throw .refused("No backup was made: \(why)")
            case let fault as SQLiteFault: throw .refused("No backup was made; \(path): \(fault)")
            default: throw StoreError(error)
            }
        }
    }
}

/// What the CLI needs when no gateway is running too.
enum Backup {
    /// Why a restored database buys nothing at first.
    static let reason = "restored from a backup: see what happened since, then release it"
    fileprivate static let queue = WorkQueue(label: "store.backup")

    static func make(from source: String, to path: String) throws {
        let draft = path + ".part"
        unlink(draft)
        defer { unlink(draft) }
        do {
            let database = try Database(path: source, role: .copier)
            try database.run("VACUUM INTO ?") { $0.bind(draft) }
        }
        do {
            let copy = try Database(path: draft, role: .copier)
            try copy.execute("PRAGMA synchronous = FULL")
            let damage = try copy.all("PRAGMA integrity_check(1)") { $0.text() }
            guard damage == ["ok"] else { throw StoreError.broken("the copy is damaged: \(damage.first ?? "")") }
            var fold = LedgerFold(expected: nil)
            try copy.snapshot { while !fold.isAtEnd { try fold.advance(in: copy, by: 20_000) } }
            if let violation = fold.violation { throw StoreError.broken("the copy's ledger: \(violation.message)") }
            try copy.begin {
                try copy.setMeta("reconcile", reason)
            }
        }
        let descriptor = Glibc.open(draft, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, fsync(descriptor) == 0, Glibc.close(descriptor) == 0, rename(draft, path) == 0 else {
            throw StoreError.broken("could not keep the copy at \(path): \(String(cString: strerror(errno)))")
        }
        DataDirectory.sync(DataDirectory.parent(of: path))
    }
}
