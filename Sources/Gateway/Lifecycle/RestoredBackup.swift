import Domain
import Files
import Glibc
import Store

/// A backup that was put in its place, and what a person has to know of it.
package struct RestoredBackup: Sendable {
    /// Where the database is that was there before; nil: there was none.
    package let oldDatabase: String?
    /// Where the master key is that was there before, if it was another one.
    package private(set) var oldKey: String?
    /// Pictures and models that came with it; nil: the backup had none to bring.
    package private(set) var files: Int?
    /// What does not work now, and how to mend it.
    package private(set) var warnings: [String] = []

    init(_ file: String, files source: String, into directory: String, at now: Instant) throws {
        let hasFiles = access(source, R_OK | X_OK) == 0
        if hasFiles {
            // First, for they only add to what is there; the database, which replaces, comes when they are in place.
            if mkdir(directory, 0o700) != 0, errno != EEXIST {
                throw FilesError.broken("could not create \(directory): \(String(cString: strerror(errno)))")
            }
            files = try KeptFiles(from: source + "/assets", to: directory + "/assets").count
        }
        oldDatabase = try SQLiteStore.restore(file, into: directory, at: now)
        if hasFiles {
            try restoreKey(source + "/master.key", to: directory + "/master.key", at: now)
        } else {
            warnings.append(
                "pictures and models were not restored: there is no \(source); name their directory with --files, or "
                    + "put the backed up assets/ into \(directory), else results made before cannot be fetched")
        }
        if access(directory + "/master.key", F_OK) != 0 {
            warnings.append(
                "there is no master.key: put the one that belongs to this backup into \(directory) before you start, "
                    + "else webhook secrets cannot be read and addresses handed out before are void")
        } else if !hasFiles || access(source + "/master.key", F_OK) != 0 {
            warnings.append(
                "the backup holds no master.key; the one in \(directory) stays, which must be that of the backup")
        }
    }

    private mutating func restoreKey(_ source: String, to target: String, at now: Instant) throws {
        guard let new = Self.key(at: source) else { return }
        let old = Self.key(at: target)
        guard old != new else { return }
        if old != nil {
            let kept = "\(target).before-restore-\(now.milliseconds)"
            guard rename(target, kept) == 0 else {
                throw FilesError.broken("could not move \(target): \(String(cString: strerror(errno)))")
            }
            oldKey = kept
        }
        _ = try KeptFiles.copy(source, to: target)
    }

    private static func key(at path: String) -> [UInt8]? { readFile(path).flatMap { $0.isEmpty ? nil : $0 } }
}
