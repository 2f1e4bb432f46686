import Dispatch
import Domain
import Files
import JSON
import Synchronization

/// Turns the text of an `image` field into a kept picture. Decoding, hashing and writing take milliseconds, so
/// they run on a few queues of their own: neither the event loops nor the cooperative threads are held up, and
/// no more than `width` pictures are in memory as bytes at once.
package final class Pictures: Sendable {
    private let queues: [DispatchQueue]
    private let next = Atomic<Int>(0)

    init(width: Int) {
        queues = (0..<max(1, width)).map { DispatchQueue(label: "pictures.\($0)") }
    }

    /// Runs `work` on one of the queues.
    func run<R: Sendable>(_ work: @escaping @Sendable () -> R) async -> R {
        let queue = queues[next.wrappingAdd(1, ordering: .relaxed).oldValue % queues.count]
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: work()) }
        }
    }

    /// The bytes of a data URI or of bare base64, decoded from where they lie in the body.
    static func bytes(of slice: JSONSlice) -> Result<[UInt8], PictureFault> {
        let text: ArraySlice<UInt8>
        if let range = slice.plainStringRange {
            text = slice.bytes[range]
        } else if let unescaped = try? slice.stringBytes() {
            text = unescaped[...]
        } else {
            return .failure(PictureFault("image must be a string."))
        }
        var content = text
        // The scheme and the mark are taken in any case (RFC 3986 §3.1).
        if text.prefix(5).map({ $0 | 0x20 }).elementsEqual("data:".utf8) {
            guard let comma = text.prefix(200).firstIndex(of: UInt8(ascii: ",")) else {
                return .failure(PictureFault("image is a data URI without a comma; send data:image/png;base64,…"))
            }
            guard text[..<comma].suffix(7).map({ $0 | 0x20 }).elementsEqual(";base64".utf8) else {
                return .failure(PictureFault("image is a data URI that is not base64; send data:image/png;base64,…"))
            }
            content = text[(comma + 1)...]
        }
        guard let bytes = Base64.decode(content, space: .ignored) else {
            return .failure(PictureFault("image is neither an address nor valid base64."))
        }
        guard !bytes.isEmpty else { return .failure(PictureFault("image is empty.")) }
        return .success(bytes)
    }
}
