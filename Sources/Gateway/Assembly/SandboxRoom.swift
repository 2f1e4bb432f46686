import Domain
import Files
import Glibc
import HTTP
import Sandbox
import Synchronization
import Work

/// The sandbox with what it needs of the house: files to keep pictures in, a way to fetch one.
final class SandboxRoom: Sendable {
    private let sandbox: Mutex<Sandbox>

    init(duration: Duration, files: any Files, clock: RunClock, fetch: @escaping @Sendable (String) async -> [UInt8]?) {
        sandbox = Mutex(
            Sandbox(
                duration: duration.inSeconds, clock: { clock.now().milliseconds },
                // Kept among the other pictures: no row speaks of it, so the sweep takes it when the job is long over.
                keep: { bytes in try? files.keep(bytes).sha256 },
                load: { name in FileName(name).flatMap { files.path(of: $0) }.flatMap(Self.contents) }, fetch: fetch))
    }

    func setDuration(_ duration: Duration) { sandbox.withLock { $0.duration = duration.inSeconds } }

    func answer(_ request: OutgoingRequest) async -> HTTPReply {
        let sandbox = sandbox.withLock { $0 }
        return await sandbox.answer(request)
    }

    var upstream: InProcessUpstream { InProcessUpstream { [self] in .answered(await answer($0)) } }

    private static func contents(_ path: String) -> [UInt8]? { FileBytes.read(path) }
}

/// The way out for files: over the network, or from the sandbox, whose addresses lead nowhere else.
struct HouseWire: Wire {
    let network: any Wire
    let sandbox: SandboxRoom

    func download(_ url: String, to descriptor: Int32, limit: Int64, timeout: Duration) async -> Transfer {
        guard url.hasPrefix(Sandbox.baseURL + "/") else {
            return await network.download(url, to: descriptor, limit: limit, timeout: timeout)
        }
        let reply = await sandbox.answer(OutgoingRequest(.get, url))
        guard reply.status == .ok else { return .never("status \(reply.status.code)") }
        guard reply.body.count <= limit else { return .never("larger than \(limit) bytes") }
        guard FileBytes.write(reply.body, to: descriptor) else { return .ours("could not write the file") }
        return .done(bytes: Int64(reply.body.count))
    }

    func upload(_ path: String, contentType: String, to url: String, timeout: Duration) async -> Transfer {
        await network.upload(path, contentType: contentType, to: url, timeout: timeout)
    }
}

/// Whole files, for the few places where one is small.
enum FileBytes {
    static func read(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return read(descriptor)
    }

    static func read(_ descriptor: Int32) -> [UInt8]? {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress! + filled, $0.count - filled, filled)
            }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            filled += got
        }
        return bytes
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
