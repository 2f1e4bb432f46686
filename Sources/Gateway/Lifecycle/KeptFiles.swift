import Files
import Glibc

/// Pictures and models, brought from one directory to another: into a backup, or back. They are named by their content
/// and never change, so what is there already is left, and a second backup into the same directory brings only what is
/// new.
struct KeptFiles {
    let count: Int
    let bytes: Int64
    /// How many were there already.
    let present: Int

    /// Blocks for as long as the disks take. A file that goes while this runs has expired, and is left out.
    init(from source: String, to target: String) throws(FilesError) {
        var (count, bytes, present) = (0, Int64(0), 0)
        try Self.make(target)
        for folder in LocalFiles.names(in: source) where folder.utf8.count == 2 {
            for name in LocalFiles.names(in: "\(source)/\(folder)") where FileName(name) != nil {
                let (from, to) = ("\(source)/\(folder)/\(name)", "\(target)/\(folder)/\(name)")
                guard let size = Self.size(of: from) else { continue }
                if Self.size(of: to) == size {
                    present += 1
                } else {
                    try Self.make("\(target)/\(folder)")
                    guard try Self.bring(from, to: to) else { continue }
                }
                count += 1
                bytes += size
            }
            try Self.sync("\(target)/\(folder)")
        }
        try Self.sync(target)
        (self.count, self.bytes, self.present) = (count, bytes, present)
    }

    /// A second name where both are on one file system, else a copy; false: it is gone.
    private static func bring(_ source: String, to target: String) throws(FilesError) -> Bool {
        unlink(target)
        if link(source, target) == 0 { return true }
        return try copy(source, to: target)
    }

    /// A copy that has its name only when all of it is on the disk; false: there is nothing to copy.
    static func copy(_ source: String, to target: String) throws(FilesError) -> Bool {
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else {
            guard errno == ENOENT else { throw fault("read \(source)") }
            return false
        }
        defer { close(input) }
        let draft = target + ".part"
        unlink(draft)
        let output = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw fault("create \(draft)") }
        defer {
            close(output)
            unlink(draft)
        }
        while true {
            let count = sendfile(output, input, nil, 16 << 20)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fault("write \(draft)") }
            if count == 0 { break }
        }
        guard fsync(output) == 0, rename(draft, target) == 0 else { throw fault("keep \(target)") }
        return true
    }

    static func make(_ directory: String) throws(FilesError) {
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw fault("create \(directory)") }
    }

    /// A name is durable once the directory that holds it is.
    static func sync(_ directory: String) throws(FilesError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            throw fault("open \(directory)")
        }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fault("sync \(directory)") }
    }

    private static func fault(_ doing: String) -> FilesError {
        .broken("could not \(doing): \(String(cString: strerror(errno)))")
    }

    private static func size(of path: String) -> Int64? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }
}
