import COpenSSL
import Glibc
import Synchronization

/// Files in one directory, two levels deep, so that no directory grows large: `ab/abcdef…`.
///
/// Whoever opens it is alone in it: the process that holds the data directory. So every draft that is there when it is
/// opened was left by a run that died, even one that bears our own process number, as all runs in a container do.
package final class LocalFiles: Files {
    private let directory: String
    private let quota: Int64
    private let used: Atomic<Int64>
    private let drafts = Atomic<UInt64>(0)
    /// Held between looking at a name and giving it, keeping it alive or taking it away. Never held over a sync.
    private let naming = Mutex(())

    /// `quota` in bytes. Removes the drafts of the dead and counts what is kept.
    package init(directory: String, quota: Int64) throws(FilesError) {
        self.directory = directory
        self.quota = quota
        let folder = directory + "/drafts"
        for path in [directory, folder] where mkdir(path, 0o700) != 0 && errno != EEXIST {
            throw FilesError(errno: errno, doing: "create \(path)")
        }
        for name in Self.names(in: folder) { unlink("\(folder)/\(name)") }
        var total: Int64 = 0
        Self.eachFile(in: directory) { total += $0.size }
        used = Atomic(total)
    }

    package var usedBytes: Int64 { used.load(ordering: .relaxed) }

    package func draft() throws(FilesError) -> Draft {
        guard usedBytes < quota else { throw .noRoom(needed: 1, free: 0) }
        let number = drafts.wrappingAdd(1, ordering: .relaxed).newValue
        return try Draft(path: "\(directory)/drafts/\(getpid())-\(number)")
    }

    package func keep(_ draft: consuming Draft) throws(FilesError) -> FileName {
        let (digest, count) = try draft.digest()
        let name = FileName(digest: digest)
        if try keepsOn(name) { return name }
        try keep(draft, as: name, byteCount: count)
        return name
    }

    package func keep(_ bytes: [UInt8]) throws(FilesError) -> FileName {
        var digest = [UInt8](repeating: 0, count: 32)
        SHA256(bytes, bytes.count, &digest)
        let name = FileName(digest: digest)
        try keep(bytes, as: name)
        return name
    }

    package func keep(_ bytes: [UInt8], as name: FileName) throws(FilesError) {
        if try keepsOn(name) { return }
        let draft = try draft()
        try draft.write(bytes)
        try keep(draft, as: name, byteCount: Int64(bytes.count))
    }

    /// Whether it is here already; then its age starts anew.
    private func keepsOn(_ name: FileName) throws(FilesError) -> Bool {
        let (folder, path) = place(of: name)
        guard naming.withLock({ _ in renew(path) }) else { return false }
        // Whoever kept it first may not have come to this yet.
        try syncDirectory(folder)
        return true
    }

    private func keep(_ draft: consuming Draft, as name: FileName, byteCount: Int64) throws(FilesError) {
        let (folder, path) = place(of: name)
        guard usedBytes + byteCount <= quota else {
            throw .noRoom(needed: byteCount, free: max(0, quota - usedBytes))
        }
        guard fsync(draft.descriptor) == 0 else { throw FilesError(errno: errno, doing: "sync \(draft.path)") }
        if mkdir(folder, 0o700) == 0 {
            try syncDirectory(directory)
        } else if errno != EEXIST {
            throw FilesError(errno: errno, doing: "create \(folder)")
        }
        let source = draft.path
        let failure = naming.withLock { _ -> Int32 in
            if renew(path) { return 0 }
            guard rename(source, path) == 0 else { return errno }
            used.wrappingAdd(byteCount, ordering: .relaxed)
            return 0
        }
        guard failure == 0 else { throw FilesError(errno: failure, doing: "name \(path)") }
        try syncDirectory(folder)
    }

    package func path(of name: FileName) -> String? {
        let path = place(of: name).path
        return access(path, R_OK) == 0 ? path : nil
    }

    package func renew(_ name: FileName) -> Bool { naming.withLock { _ in renew(place(of: name).path) } }

    package func remove(_ name: FileName, olderThan age: Int64) { _ = removeFile(place(of: name).path, age) }

    package func sweep(keeping: Set<String>, olderThan age: Int64) -> Int {
        var orphans: [String] = []
        Self.eachFile(in: directory) { file in
            if !keeping.contains(file.name), file.isOlder(than: age) { orphans.append(file.path) }
        }
        return orphans.count { removeFile($0, age) }
    }

    private func place(of name: FileName) -> (folder: String, path: String) {
        let folder = "\(directory)/\(name.sha256.prefix(2))"
        return (folder, "\(folder)/\(name.sha256)")
    }

    /// Its age starts anew, so that nobody who looked before takes it away. The caller holds `naming`.
    private func renew(_ path: String) -> Bool { utimensat(AT_FDCWD, path, nil, 0) == 0 }

    private func removeFile(_ path: String, _ age: Int64) -> Bool {
        naming.withLock { _ in
            guard let file = Found(path: path, name: ""), file.isOlder(than: age), unlink(path) == 0 else {
                return false
            }
            used.wrappingSubtract(file.size, ordering: .relaxed)
            return true
        }
    }

    /// A rename is durable once the directory that holds the name is.
    private func syncDirectory(_ path: String) throws(FilesError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FilesError(errno: errno, doing: "open \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FilesError(errno: errno, doing: "sync \(path)") }
    }

    /// A regular file, as it was when looked at.
    private struct Found {
        let path: String
        let name: String
        let size: Int64
        private let changed: Int64

        init?(path: String, name: String) {
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            (self.path, self.name, size) = (path, name, Int64(status.st_size))
            changed = Int64(status.st_mtim.tv_sec)
        }

        func isOlder(than age: Int64) -> Bool { Int64(time(nil)) - changed > age }
    }

    /// Every kept file; what else lies there is nobody's business.
    private static func eachFile(in directory: String, _ body: (Found) -> Void) {
        for folder in names(in: directory) where folder.utf8.count == 2 {
            for name in names(in: "\(directory)/\(folder)") where FileName(name) != nil {
                if let file = Found(path: "\(directory)/\(folder)/\(name)", name: name) { body(file) }
            }
        }
    }

    package static func names(in directory: String) -> [String] {
        guard let handle = opendir(directory) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
