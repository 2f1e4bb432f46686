import CSQLite
import Glibc

/// What SQLite said, in its own words. Becomes a `StoreError` where it leaves the engine.
struct SQLiteFault: Error, CustomStringConvertible {
    /// The extended result code (sqlite.org/rescode.html); its low byte is the primary one.
    let code: Int32
    let message: String
    /// errno of the system call behind it, or 0.
    let errno: Int32

    var primary: Int32 { code & 0xFF }

    var description: String {
        errno == 0 ? "SQLite \(code): \(message)" : "SQLite \(code): \(message) (\(String(cString: strerror(errno))))"
    }

    /// No room: the disk's, a quota's, or the process's own file size limit. A write that got nowhere is not
    /// a commit, so this one is certain: nothing was written.
    var isFull: Bool {
        primary == SQLITE_FULL
            || (code == 778 /* SQLITE_IOERR_WRITE */ && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
    }

    /// After these only a restart knows what is on the disk.
    var isFatal: Bool {
        !isFull && (primary == SQLITE_IOERR || primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
    }

    var isBusy: Bool { primary == SQLITE_BUSY || primary == SQLITE_LOCKED }

    /// As the outside sees it.
    var storeError: StoreError {
        if isFull { return .diskFull }
        if isFatal { return .outcomeUnknown(description) }
        if isBusy { return .overloaded }
        return .broken(description)
    }
}

extension StoreError {
    /// Any error of the engine, as the outside sees it.
    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let fault as SQLiteFault: self = fault.storeError
        default: self = .broken("\(error)")
        }
    }
}
