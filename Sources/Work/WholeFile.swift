import Glibc

/// A whole file, or nil if it cannot be read.
func readFile(_ path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    let size = Int(status.st_size)
    var filled = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        while filled < size {
            let got = read(descriptor, buffer.baseAddress! + filled, size - filled)
            if got < 0, errno == EINTR { continue }
            if got <= 0 { break }
            filled += got
        }
        count = filled
    }
    return filled == size ? bytes : nil
}

func byteCount(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
}

/// Writes a file's bytes to an open descriptor, a piece at a time.
func copyFile(_ path: String, to output: Int32) -> Bool {
    let input = open(path, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { return false }
    defer { close(input) }
    let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    defer { piece.deallocate() }
    while true {
        let got = read(input, piece.baseAddress, piece.count)
        if got < 0, errno == EINTR { continue }
        if got <= 0 { return got == 0 }
        var put = 0
        while put < got {
            let count = write(output, piece.baseAddress! + put, got - put)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            put += count
        }
    }
}
