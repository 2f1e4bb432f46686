import CSQLite
import Glibc

enum DataDirectory {
    /// Makes the directory if there is none, readable by nobody else, and refuses one on a network file system:
    /// SQLite's locks and syncs mean nothing there (sqlite.org/howtocorrupt.html §2.1).
    static func prepare(_ directory: String) throws {
        var made = mkdir(directory, 0o700) == 0
        if !made, errno == ENOENT {
            try makeParents(of: directory)
            made = mkdir(directory, 0o700) == 0
        }
        guard made || errno == EEXIST else {
            throw StoreOpenError.storage("could not create \(directory): \(String(cString: strerror(errno)))")
        }
        if made { sync(parent(of: directory)) }
        // linux/magic.h: NFS, SMB, SMB2, CIFS.
        let remote: Set<UInt32> = [0x6969, 0x517B, 0xFE53_4D42, 0xFF53_4D42]
        if remote.contains(trellis_file_system(directory)) { throw StoreOpenError.notLocal(path: directory) }
    }

    private static func makeParents(of directory: String) throws {
        var path = ""
        for part in parent(of: directory).split(separator: "/", omittingEmptySubsequences: false) {
            path += path.isEmpty && part.isEmpty ? "/" : path.hasSuffix("/") || path.isEmpty ? String(part) : "/" + part
            if !path.isEmpty { _ = mkdir(path, 0o755) }
        }
    }

    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Makes a name that was just given survive a power cut: it is in the directory, not in the file.
    static func sync(_ directory: String) {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        Glibc.close(descriptor)
    }
}

/// One process per data directory: the kernel drops the lock with the process, however it ends.
final class DirectoryLock: Sendable {
    private let descriptor: Int32

    init(directory: String) throws {
        let path = directory + "/lock"
        descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StoreOpenError.storage("could not open \(path): \(String(cString: strerror(errno)))")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            var text = [UInt8](repeating: 0, count: 32)
            let count = pread(descriptor, &text, text.count, 0)
            Glibc.close(descriptor)
            let digits = text.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
            throw StoreOpenError.locked(pid: Int32(String(decoding: digits, as: UTF8.self)), path: directory)
        }
        // For people, and for the message above: the lock itself is the kernel's.
        let text = Array("\(getpid())\n".utf8)
        ftruncate(descriptor, 0)
        pwrite(descriptor, text, text.count, 0)
    }

    func release() { flock(descriptor, LOCK_UN) }

    deinit { Glibc.close(descriptor) }
}
