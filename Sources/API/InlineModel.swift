import Domain
import Files
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
        // Beyond the limit the addresses alone must do: neither one answer nor many may take all the memory there is.
        // What is held is text of four letters for three bytes.
        let bytes = models.reduce(0) { $0 + $1.2 }
        guard bytes <= call.settings.inlineBytes, let lease = inline.lease(bytes / 3 * 4, for: found.task.account)
        else {
            return statusAnswer(found, now: call.now)
        }
        let (files, status) = (around.files, status)
        let body = await pictures.run {
            var inline: [Int: [UInt8]] = [:]
            for (index, name, _) in models {
                inline[index] = files.path(of: name).flatMap(readFile).map { Base64.encodedBytes($0) }
            }
            return status.render(found.task, inline: inline)
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(body), lease: lease)
    }
}
