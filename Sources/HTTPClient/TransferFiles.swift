import Glibc

/// A file that is being sent, open for reading; closed with its owner.
final class UploadFile {
    private let descriptor: Int32
    /// As it was when the call began. A file that has shrunk since ends the call.
    let count: Int

    /// Nil when there is no such regular file or it may not be read.
    init?(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(descriptor)
            return nil
        }
        self.descriptor = descriptor
        count = Int(status.st_size)
    }

    deinit { Glibc.close(descriptor) }

    /// Reads up to `capacity` bytes at `offset`; nil when there are none where there should be.
    func read(into buffer: UnsafeMutableRawPointer, capacity: Int, at offset: Int) -> Int? {
        let wanted = min(capacity, count - offset)
        if wanted <= 0 { return 0 }
        while true {
            let read = pread(descriptor, buffer, wanted, off_t(offset))
            if read < 0, errno == EINTR { continue }
            return read > 0 ? read : nil
        }
    }
}

/// A file that is being filled: our own descriptor of the caller's open file.
final class DownloadFile {
    private let descriptor: Int32
    /// What the system said when writing failed.
    private(set) var failure: Int32 = 0

    init?(duplicating other: Int32) {
        descriptor = fcntl(other, F_DUPFD_CLOEXEC, 0)
        if descriptor < 0 { return nil }
    }

    deinit { Glibc.close(descriptor) }

    func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0 {
                if errno == EINTR { continue }
                failure = errno
                return false
            }
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
        }
        return true
    }
}
