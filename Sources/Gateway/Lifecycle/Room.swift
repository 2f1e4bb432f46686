import Glibc

/// Whether there is room for new work. Some is always kept back for what is under way: that work is paid for, and its
/// files must find a place.
struct Room {
    private let assets: Configuration.Assets
    private let directory: String
    private let usedBytes: Int64

    init(_ assets: Configuration.Assets, directory: String, usedBytes: Int64) {
        self.assets = assets
        self.directory = directory
        self.usedBytes = usedBytes
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
            guard let free = freeBytes(at: place), free < assets.reserveBytes else { continue }
            return "\(free) bytes are free on the disk of \(place), less than assets.reserve_bytes = "
                + "\(assets.reserveBytes)"
        }
        return nil
    }

    /// What an ordinary process may still write there.
    private func freeBytes(at place: String) -> Int64? {
        var facts = statvfs()
        guard statvfs(place, &facts) == 0 else { return nil }
        return Int64(facts.f_bavail) * Int64(facts.f_frsize)
    }
}
