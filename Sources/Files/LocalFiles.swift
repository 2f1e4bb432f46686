import COpenSSL
import Glibc
import Synchronization

/// Files in one directory, two levels deep, so that no directory grows large: `ab/abcdef…`.
package final class LocalFiles: Files {
    private let directory: String
    private let quota: Int64
    private let used: Atomic<Int64>
    private let drafts = Atomic<UInt64>(0)

    /// `quota` in bytes. Counts what is there already.
    package init(directory: String, quota: Int64) throws(FilesError) {
        self.directory = directory
        self.quota = quota
        for path in [directory, directory + "/drafts"] where mkdir(path, 0o700) != 0 && errno != EEXIST {
            throw FilesError(errno: errno, doing: "create \(path)")
        }
        var total: Int64 = 0
        Self.eachFile(in: directory) { _, _, status in total += Int64(status.st_size) }
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
        let folder = "\(directory)/\(name.sha256.prefix(2))"
        let path = "\(folder)/\(name.sha256)"
        var status = stat()
        if stat(path, &status) == 0, status.st_size == count {
            // The same bytes again: their age starts anew, so that a sweep does not take them from under us.
            utimensat(AT_FDCWD, path, nil, 0)
            return name
        }
        guard usedBytes + count <= quota else { throw .noRoom(needed: count, free: max(0, quota - usedBytes)) }
        guard fsync(draft.descriptor) == 0 else { throw FilesError(errno: errno, doing: "sync \(draft.path)") }
        if mkdir(folder, 0o700) == 0 {
            try syncDirectory(directory)
        } else if errno != EEXIST {
            throw FilesError(errno: errno, doing: "create \(folder)")
        }
        guard rename(draft.path, path) == 0 else { throw FilesError(errno: errno, doing: "name \(path)") }
        try syncDirectory(folder)
        used.wrappingAdd(count, ordering: .relaxed)
        return name
    }

    package func keep(_ bytes: [UInt8]) throws(FilesError) -> FileName {
        let draft = try draft()
        try draft.write(bytes)
        return try keep(draft)
    }

    package func path(of name: FileName) -> String? {
        let path = "\(directory)/\(name.sha256.prefix(2))/\(name.sha256)"
        return access(path, R_OK) == 0 ? path : nil
    }

    package func remove(_ name: FileName) {
        guard let path = path(of: name) else { return }
        var status = stat()
        if stat(path, &status) == 0, unlink(path) == 0 {
            used.wrappingSubtract(Int64(status.st_size), ordering: .relaxed)
        }
    }

    package func sweep(keeping: Set<String>, olderThan age: Int64) -> Int {
        let now = Int64(time(nil))
        var gone: [(path: String, size: Int64)] = []
        Self.eachFile(in: directory) { path, name, status in
            let isDraft = FileName(name) == nil
            let isOurs = isDraft && name.hasPrefix("\(getpid())-")
            if !isOurs, isDraft || !keeping.contains(name), now - Int64(status.st_mtim.tv_sec) > age {
                gone.append((path, Int64(status.st_size)))
            }
        }
        return gone.reduce(0) { count, file in
            guard unlink(file.path) == 0 else { return count }
            used.wrappingSubtract(file.size, ordering: .relaxed)
            return count + 1
        }
    }

    /// A rename is durable once the directory that holds the name is.
    private func syncDirectory(_ path: String) throws(FilesError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FilesError(errno: errno, doing: "open \(path)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw FilesError(errno: errno, doing: "sync \(path)") }
    }

    private static func eachFile(in directory: String, _ body: (String, String, stat) -> Void) {
        for folder in names(in: directory) {
            for name in names(in: "\(directory)/\(folder)") {
                var status = stat()
                let path = "\(directory)/\(folder)/\(name)"
                if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG { body(path, name, status) }
            }
        }
    }

    private static func names(in directory: String) -> [String] {
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
