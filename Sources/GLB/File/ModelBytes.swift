#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A model's bytes, in a file or in memory. Files are read by `pread` rather than mapped: a mapped file that
/// shrinks or a disk that fails would end the process, and here it is a fault like any other.
final class ModelBytes {
    private enum Place {
        case file(descriptor: Int32)
        case memory([UInt8])
    }

    private let place: Place
    let count: Int

    init(_ bytes: [UInt8]) {
        place = .memory(bytes)
        count = bytes.count
    }

    init(path: String) throws(GLBFault) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw GLBFault(.unreadable, "the model file cannot be opened: \(String(cString: strerror(errno)))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw GLBFault(.unreadable, "the model file is not an ordinary file")
        }
        place = .file(descriptor: descriptor)
        count = Int(status.st_size)
    }

    deinit {
        if case .file(let descriptor) = place { close(descriptor) }
    }

    /// Fills `target` from `offset` on.
    func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws(GLBFault) {
        guard offset >= 0, target.count <= count, offset <= count - target.count else {
            throw GLBFault(.truncated, "\(target.count) bytes are wanted at \(offset) of a file of \(count)")
        }
        switch place {
        case .memory(let bytes):
            bytes.withUnsafeBytes {
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<(offset + target.count)]))
            }
        case .file(let descriptor):
            var done = 0
            while done < target.count {
                let got = pread(descriptor, target.baseAddress! + done, target.count - done, off_t(offset + done))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else {
                    throw got == 0
                        ? GLBFault(.truncated, "the model file shrank below \(count) bytes while it was read")
                        : GLBFault(.unreadable, "the model file cannot be read: \(String(cString: strerror(errno)))")
                }
                done += got
            }
        }
    }

    /// A copy of a range.
    func bytes(at offset: Int, count: Int) throws(GLBFault) -> [UInt8] {
        guard count <= self.count else {
            throw GLBFault(.truncated, "\(count) bytes are wanted at \(offset) of a file of \(self.count)")
        }
        var fault: GLBFault?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let target = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count)
            do throws(GLBFault) {
                try read(at: offset, into: target)
                initialized = count
            } catch { fault = error }
        }
        if let fault { throw fault }
        return bytes
    }
}
