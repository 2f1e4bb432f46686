import Glibc

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
