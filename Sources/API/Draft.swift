import Domain
import Files
import HTTP
import JSON

extension API {
    /// A request read, checked and with its picture's bytes at hand.
    struct Draft: Sendable {
        var request: GenerationRequest
        let adjustments: [Adjustment]
        /// The picture's bytes, if it came as bytes: not yet kept.
        let picture: [UInt8]?
    }

    func draft(_ call: Call) async throws(Refusal) -> Draft {
        let rules = GenerationBody.Rules(
            settings: call.settings, providers: { [self] in around.providers().map(\.id) },
            objection: around.objection)
        let body = try GenerationBody(call, rules)
        var request = body.request
        switch body.picture {
        case .url(let url):
            request.picture = .url(url)
            return Draft(request: request, adjustments: body.adjustments, picture: nil)
        case .encoded(let slice):
            let (inspect, digest) = (around.inspect, around.digest)
            let decoded = await pictures.run { () -> Result<([UInt8], KeptPicture), PictureFault> in
                Pictures.bytes(of: slice).flatMap { bytes in
                    inspect(bytes).map { facts in
                        let kept = KeptPicture(
                            sha256: Self.hexadecimal(digest(bytes)), format: facts.format,
                            byteCount: Int64(bytes.count), width: facts.width, height: facts.height)
                        return (bytes, kept)
                    }
                }
            }
            do throws(PictureFault) {
                let (bytes, kept) = try decoded.get()
                request.picture = .kept(kept)
                return Draft(request: request, adjustments: body.adjustments, picture: bytes)
            } catch {
                throw .invalid([
                    FieldFault(
                        "image", error.message, allowed: "PNG, JPEG or WebP",
                        suggestion: "Send a whole PNG, JPEG or WebP as base64 in image, or its address in image_url.")
                ])
            }
        }
    }

    /// On the disk, durably, before a task speaks of it.
    func keep(_ bytes: [UInt8], _ picture: KeptPicture) async throws(Refusal) {
        guard let name = FileName(picture.sha256) else { throw .broken("\(picture.sha256) is no file's name") }
        let files = around.files
        let result = await pictures.run { () -> Result<Void, FilesError> in
            do throws(FilesError) { return .success(try files.keep(bytes, as: name)) } catch { return .failure(error) }
        }
        do throws(FilesError) {
            try result.get()
        } catch {
            switch error {
            case .noRoom: throw .noRoom
            case .broken(let why): throw .broken(why)
            }
        }
    }
}
