import Glibc
import Synchronization

/// Whether there is room for new work. Some is always kept back for what is under way: that work is paid for, and its
/// files must find a place.
struct Room {
    private let assets: Configuration.Assets
    private let directory: String
    private let usedBytes: Int64
    private let disk: Disk

    init(_ assets: Configuration.Assets, directory: String, usedBytes: Int64, disk: Disk = Disk()) {
        self.assets = assets
        self.directory = directory
        self.usedBytes = usedBytes
        self.disk = disk
    }

    /// Why there is none, in words for the operator; nil when there is some.
    var objection: String? {
        let quota = Int64(assets.quotaBytes)
        let room = quota - min(Int64(assets.modelBytes), quota / 10)
        if usedBytes >= room {
            return "pictures and models take \(usedBytes) of the \(room) bytes that assets.quota_bytes leaves them"
        }
        // The files may lie on a disk of their own, mounted below the data directory.
        for place in [directory, directory + "/assets"] {
            guard let free = disk.freeBytes(at: place), free < assets.reserveBytes else { continue }
            return "\(free) bytes are free on the disk of \(place), less than assets.reserve_bytes = "
                + "\(assets.reserveBytes)"
        }
        return nil
    }
}

/// What disks say of themselves. Asked by every submit, so what was said is believed for a moment: the room kept back is
/// larger than what comes in meanwhile.
final class Disk: Sendable {
    private static let momentNanoseconds: UInt64 = 100_000_000
    private let said = Mutex<[String: (bytes: Int64?, until: UInt64)]>([:])

    /// What an ordinary process may still write at `place`; nil: it cannot be told.
    func freeBytes(at place: String) -> Int64? {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        return said.withLock { said in
            if let known = said[place], now < known.until { return known.bytes }
            var facts = statvfs()
            let bytes = statvfs(place, &facts) == 0 ? Int64(facts.f_bavail) * Int64(facts.f_frsize) : nil
            said[place] = (bytes, now + Self.momentNanoseconds)
            return bytes
        }
    }
}
