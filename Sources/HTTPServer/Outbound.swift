import Glibc
import HTTP

/// What waits to be sent on one connection, in order. Empty most of the time, and then without storage.
struct Outbound {
    enum Segment {
        case bytes([UInt8], sent: Int, lease: (any AnyObject & Sendable)? = nil)
        case file(FileTransfer)
    }

    private(set) var segments: [Segment] = []
    /// Bytes in memory; files do not count.
    private(set) var byteCount = 0

    var isEmpty: Bool { segments.isEmpty }
    var first: Segment? { segments.first }
    var hasMoreThanOne: Bool { segments.count > 1 }

    mutating func append(_ bytes: [UInt8], lease: (any AnyObject & Sendable)? = nil) {
        guard !bytes.isEmpty else { return }
        segments.append(.bytes(bytes, sent: 0, lease: lease))
        byteCount += bytes.count
    }

    mutating func append(_ file: FileTransfer) {
        if file.remaining > 0 { segments.append(.file(file)) }
    }

    /// Notes that `count` bytes of the first segment have gone.
    mutating func advance(_ count: Int) {
        switch segments[0] {
        case .bytes(let bytes, let sent, let lease):
            byteCount -= count
            if sent + count == bytes.count {
                segments.removeFirst()
            } else {
                segments[0] = .bytes(bytes, sent: sent + count, lease: lease)
            }
        case .file(let file):
            file.offset += Int64(count)
            file.remaining -= Int64(count)
            if file.remaining == 0 { segments.removeFirst() }
        }
    }

    mutating func removeAll() { self = Outbound() }
}

/// An open file with the stretch of it that is still to be sent.
final class FileTransfer {
    let descriptor: Int32
    var offset: Int64
    var remaining: Int64

    /// Opens the file; `nil` when it is not there, not a plain file, or shorter than promised.
    init?(_ body: FileBody) {
        descriptor = open(body.path, O_RDONLY | O_CLOEXEC)
        offset = body.offset
        remaining = body.length
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            Int64(status.st_size) >= body.offset + body.length
        else { return nil }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }
}
