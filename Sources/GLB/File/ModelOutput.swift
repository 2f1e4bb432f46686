#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A model file being written. It must be new, so that what is removed when it was begun and not finished can only
/// be what was made here.
struct ModelOutput: ~Copyable {
    private let path: String
    private let descriptor: Int32
    private var isFinished = false
    private(set) var count = 0

    init(path: String) throws(GLBFault) {
        // Nothing is stored before the file is made: a value that is whole has its deinit run even by a throw.
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw GLBFault(.unwritable, "the stripped model cannot be created: \(String(cString: strerror(errno)))")
        }
        self.path = path
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
        if !isFinished { unlink(path) }
    }

    mutating func append(_ bytes: UnsafeRawBufferPointer) throws(GLBFault) {
        var done = 0
        while done < bytes.count {
            let put = write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            if put < 0, errno == EINTR { continue }
            guard put > 0 else {
                throw GLBFault(
                    .unwritable,
                    "the stripped model cannot be written beyond byte \(count): \(String(cString: strerror(errno)))")
            }
            done += put
            count += put
        }
    }

    mutating func append(_ bytes: [UInt8]) throws(GLBFault) {
        try bytes.withUnsafeBytesTyped { (raw) throws(GLBFault) in try append(raw) }
    }

    mutating func pad() throws(GLBFault) { try append([UInt8](repeating: 0, count: Container.padding(count))) }

    /// Keeps the file. Whoever renames it into its place also syncs it.
    mutating func finish() { isFinished = true }
}
