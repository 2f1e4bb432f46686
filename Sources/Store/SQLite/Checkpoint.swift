import CSQLite

enum CheckpointMode {
    /// As far as it goes without waiting for anyone.
    case passive
    /// And makes the log empty; readers in the way are waited for a little.
    case truncate
}

extension Database {
    /// Copies the log into the database file; answers how many pages are left in it.
    func checkpoint(_ mode: CheckpointMode) -> Result<Int, SQLiteFault> {
        var (inLog, copied): (Int32, Int32) = (0, 0)
        let code: Int32
        switch mode {
        case .passive: code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, &inLog, &copied)
        case .truncate:
            // Everyone who would write waits behind this, so it waits for no reader long.
            sqlite3_busy_timeout(handle, 20)
            code = sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, &inLog, &copied)
            sqlite3_busy_timeout(handle, 5000)
        }
        // Busy: a reader stands in the way of the last step. The next time does it.
        guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else { return .failure(fault(isOfLog: false)) }
        return .success(max(0, Int(inLog - copied)))
    }
}

/// The SQLite in this process, and whether it has the WAL-reset bug: a checkpoint and a write of two connections
/// at once can lose pages. In 3.7.0 to 3.51.2, mended in 3.51.3 and brought back to 3.44.6 and 3.50.7. With one
/// connection that both writes and checkpoints it cannot strike; other programs must stay off the file.
package enum SQLiteLibrary {
    package static var version: String { String(cString: sqlite3_libversion()) }

    package static var hasWALResetBug: Bool { hasWALResetBug(Int(sqlite3_libversion_number())) }

    static func hasWALResetBug(_ number: Int) -> Bool {
        switch number {
        case ..<3_007_000: false
        case 3_044_006...3_044_999, 3_050_007...3_050_999: false
        default: number < 3_051_003
        }
    }
}
