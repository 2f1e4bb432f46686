import Domain
import Files
import Glibc
import HTTP
import JSON
import Store

extension API {
    /// A status with everything it was asked to carry: the model itself, for `b64_json`.
    func completeStatus(_ found: RenderedTask, _ call: Call) async throws(Refusal) -> HTTPResponse {
        guard found.task.needsInlineModel else { return statusAnswer(found, now: call.now) }
        let models = found.task.slots.compactMap { slot -> (Int, FileName, Int64)? in
            guard let model = slot.model, case .kept(let sha256) = model.place, let name = FileName(sha256) else {
                return nil
            }
            return (slot.index, name, model.byteCount)
        }
        // Beyond the limit the addresses alone must do: one answer may not take all the memory there is.
        guard models.reduce(0, { $0 + $1.2 }) <= call.settings.inlineBytes else {
            return statusAnswer(found, now: call.now)
        }
        let (files, status) = (around.files, status)
        let body = await pictures.run {
            var inline: [Int: [UInt8]] = [:]
            for (index, name, _) in models {
                inline[index] = files.path(of: name).flatMap(Self.contents).map { Base64.encodedBytes($0) }
            }
            return status.render(found.task, inline: inline)
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(body))
    }

    /// The bytes of a file of ours.
    @Sendable private static func contents(of path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        let size = Int(status.st_size)
        var bytes = [UInt8](repeating: 0, count: size)
        let count = bytes.withUnsafeMutableBytes { buffer in
            var done = 0
            while done < size {
                let got = read(descriptor, buffer.baseAddress?.advanced(by: done), size - done)
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { break }
                done += got
            }
            return done
        }
        return count == size ? bytes : nil
    }
}
