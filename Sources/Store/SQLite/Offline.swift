import Domain
import Glibc
import Migrations

// What is done to a data directory that no gateway runs on. Each takes the directory's lock first.

extension SQLiteStore {
    /// Names the migrations that the database lacks, and applies them unless it is a `dryRun`.
    package static func migrate(
        directory: String, dryRun: Bool, keepingCopy: Bool = true
    ) throws(StoreOpenError) -> SchemaUpgrade {
        let path = directory + "/gateway.db"
        do {
            var planned = SchemaUpgrade()
            if dryRun, access(path, F_OK) != 0 {
                planned.applied = Migration.all.map(\.title)
                return planned
            }
            if dryRun {
                // Only looks, and so beside a gateway that runs: before an upgrade is when one wants to know.
                let database = try Database(path: path, role: .reader)
                try Schema.refuseNewer(database, path: path)
                let version = try database.version
                planned.applied = Migration.all.filter { $0.number > version }.map(\.title)
                return planned
            }
            try DataDirectory.prepare(directory)
            let lock = try DirectoryLock(directory: directory)
            defer { lock.release() }
            let database = try Database(path: path, role: .writer)
            try Schema.refuseNewer(database, path: path)
            try database.check(path: path)
            try database.beginWriting(.full)
            return try Schema.migrate(database, path: path, keepingCopy: keepingCopy)
        } catch {
            throw StoreOpenError(error, path: directory)
        }
    }

    /// Puts a backup in the place of the database, after looking through it; answers where the one that was there
    /// is now, with what was in its log.
    package static func restore(
        _ file: String, into directory: String, at now: Instant
    ) throws(StoreOpenError) -> String? {
        let path = directory + "/gateway.db"
        do {
            guard access(file, R_OK) == 0 else {
                throw StoreOpenError.storage("cannot read \(file): \(String(cString: strerror(errno)))")
            }
            try DataDirectory.prepare(directory)
            let lock = try DirectoryLock(directory: directory)
            defer { lock.release() }
            let draft = path + ".restored"
            for end in ["", "-wal", "-shm"] { unlink(draft + end) }
            do {
                try Self.copy(file, to: draft)
                let copy = try Database(path: draft, role: .copier)
                try copy.check(path: file)
                try Schema.refuseNewer(copy, path: file)
                // However the file was made: what it has queued may long have been bought.
                try copy.begin { try copy.setMeta("reconcile", Backup.reason) }
            } catch {
                unlink(draft)
                // It is the backup that is wrong, not the database in place, which is as it was.
                switch StoreOpenError(error, path: file) {
                case .damaged(let what): throw StoreOpenError.storage("\(file) is no sound backup: \(what)")
                case let other: throw other
                }
            }
            let old = "\(path).before-restore-\(now.milliseconds)"
            let hasOld = access(path, F_OK) == 0
            if hasOld {
                // The log belongs to its database by name; both move, or neither is worth anything.
                for end in ["-wal", "-shm", ""] where access(path + end, F_OK) == 0 {
                    guard rename(path + end, old + end) == 0 else {
                        throw StoreOpenError.storage(
                            "could not move \(path + end): \(String(cString: strerror(errno)))")
                    }
                }
            }
            guard rename(draft, path) == 0 else {
                throw StoreOpenError.storage("could not move \(draft): \(String(cString: strerror(errno)))")
            }
            DataDirectory.sync(directory)
            return hasOld ? old : nil
        } catch {
            throw StoreOpenError(error, path: directory)
        }
    }

    private static func copy(_ source: String, to target: String) throws {
        let input = Glibc.open(source, O_RDONLY | O_CLOEXEC)
        let output = Glibc.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer {
            if input >= 0 { Glibc.close(input) }
            if output >= 0 { Glibc.close(output) }
        }
        var status = stat()
        guard input >= 0, output >= 0, fstat(input, &status) == 0 else {
            throw StoreOpenError.storage("could not copy \(source): \(String(cString: strerror(errno)))")
        }
        var left = Int(status.st_size)
        while left > 0 {
            let count = sendfile(output, input, nil, left)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw StoreOpenError.storage("could not copy \(source): \(String(cString: strerror(errno)))")
            }
            left -= count
        }
        guard fsync(output) == 0 else {
            throw StoreOpenError.storage("could not keep \(target): \(String(cString: strerror(errno)))")
        }
    }
}
