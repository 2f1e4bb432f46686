import GLB
import HTTP
import JSON

/// An upstream inside the process, so that the whole gateway can be tried without an account anywhere. It speaks a
/// little protocol of its own in the manner of the real ones:
///
///     POST /v1/generate            {"image" or "image_url", "seed", "textures", "thumbnail", "metadata"} → {"id", …}
///     GET  /v1/jobs/{id}           {"id", "status", "progress", "stage", "model_url", "thumbnail_url", "note", "error"}
///     PUT  /v1/jobs/{id}/cancel    the same
///     GET  /v1/files/{id}.glb      the model; `.png` its thumbnail
///
/// Its work is real as far as files go: a valid GLB of the given picture, the same for the same picture and seed.
package struct Sandbox: Sendable {
    /// Where its addresses begin. The name can never be resolved (RFC 6761 §6.4), so nothing leaves by mistake.
    package static let baseURL = "http://sandbox.invalid"

    /// Seconds a job takes.
    package var duration: Double
    /// In milliseconds since 1970.
    let clock: @Sendable () -> Int64
    /// Keeps a picture under a name made of hexadecimal digits; nil when there is no room.
    let keep: @Sendable ([UInt8]) -> String?
    let load: @Sendable (String) -> [UInt8]?
    /// The bytes at a URL, or nil.
    let fetch: @Sendable (String) async -> [UInt8]?

    package init(
        duration: Double, clock: @escaping @Sendable () -> Int64, keep: @escaping @Sendable ([UInt8]) -> String?,
        load: @escaping @Sendable (String) -> [UInt8]?, fetch: @escaping @Sendable (String) async -> [UInt8]?
    ) {
        self.duration = duration
        self.clock = clock
        self.keep = keep
        self.load = load
        self.fetch = fetch
    }

    package func answer(_ request: OutgoingRequest) async -> HTTPReply {
        let path = RequestTarget(String(request.url.dropFirst(Self.baseURL.count))).path
        let parts = path.split(separator: "/")
        switch (request.method, parts.count, parts.dropFirst().first) {
        case (.post, 2, "generate"): return await generate(request.body)
        case (.get, 3, "jobs"):
            guard let plan = SandboxPlan(id: parts[2]) else { return .problem(.notFound, "not_found", "no such job") }
            return .json(job(plan))
        case (.put, 4, "jobs") where parts[3] == "cancel":
            guard let plan = SandboxPlan(id: parts[2]) else { return .problem(.notFound, "not_found", "no such job") }
            return .json(["id": .string(plan.id), "status": "canceled"])
        case (.get, 3, "files"): return file(parts[2])
        default: return .problem(.notFound, "not_found", "the sandbox has no \(request.method.name) \(path)")
        }
    }

    // MARK: Jobs

    private func generate(_ body: OutgoingRequest.Body) async -> HTTPReply {
        guard case .bytes(let bytes) = body, let asked = (try? JSONReader.value(of: bytes))?.object else {
            return .problem(.badRequest, "malformed", "the body must be a JSON object")
        }
        let url = asked["image_url"]?.string
        let mode = SandboxMode(asked: asked["metadata"]?["sandbox"]?.string, url: url)
        switch mode {
        case .reject:
            return .problem(.unprocessableContent, "rejected", "the sandbox was asked to reject this picture")
        case .busy:
            var reply = HTTPReply.problem(.tooManyRequests, "busy", "the sandbox was asked to be busy")
            reply.headers.set("Retry-After", "2")
            return reply
        case .down: return .problem(.serviceUnavailable, "down", "the sandbox was asked to be down")
        case .normal, .slow, .fail, .hang, .broken: break
        }

        var note = SandboxPlan.Note.none
        var name = ""
        if let text = asked["image"]?.string {
            guard let picture = Self.picture(text), (try? Picture.Header.read(picture)) != nil else {
                return .problem(.unprocessableContent, "rejected", "the picture is no PNG, JPEG or WebP")
            }
            guard let kept = keep(picture) else { return .problem(507, "no_room", "no room for the picture") }
            name = kept
        } else if let url {
            if let picture = await fetch(url) {
                if (try? Picture.Header.read(picture)) == nil {
                    note = .unreadable
                } else {
                    guard let kept = keep(picture) else { return .problem(507, "no_room", "no room for the picture") }
                    name = kept
                }
            } else {
                note = .unreachable
            }
        } else {
            return .problem(.unprocessableContent, "rejected", "image or image_url must be given")
        }

        let seed = asked["seed"]?.integer ?? 0
        let plan = SandboxPlan(
            start: clock(), length: length(asked, seed: seed, mode: mode), seed: max(0, seed), mode: mode,
            textured: asked["textures"]?.bool ?? false, thumbnail: asked["thumbnail"]?.bool ?? false, note: note,
            picture: name)
        return .json(job(plan))
    }

    /// Larger models take longer, and no two take the same.
    private func length(_ asked: JSONObject, seed: Int64, mode: SandboxMode) -> Int64 {
        let resolution = asked["resolution"]?.integer ?? 1024
        let size = resolution <= 512 ? 0.7 : resolution >= 1536 ? 1.4 : 1.0
        let spread = 0.9 + Double(UInt64(bitPattern: seed) &* 0x9E37_79B9_7F4A_7C15 >> 56) / 1280
        return Int64(duration * 1000 * size * spread * (mode == .slow ? 10 : 1))
    }

    private func job(_ plan: SandboxPlan) -> JSONValue {
        let progress = SandboxProgress(of: plan, at: clock())
        let id = plan.id
        var job = JSONObject()
        job["id"] = .string(id)
        job["status"] = .string(progress.state.rawValue)
        job["progress"] = .integer(Int64(progress.percent))
        job["stage"] = .string(progress.stage)
        job["seed"] = .integer(plan.seed)
        job["sandbox"] = true
        if let note = plan.note.sentence { job["note"] = .string(note) }
        switch progress.state {
        case .succeeded:
            job["model_url"] = .string("\(Self.baseURL)/v1/files/\(id).glb")
            if plan.thumbnail { job["thumbnail_url"] = .string("\(Self.baseURL)/v1/files/\(id).png") }
        case .failed:
            job["error"] = ["code": "generation_failed", "message": "the sandbox was asked to fail"]
        case .queued, .running: break
        }
        return .object(job)
    }

    // MARK: Files

    private func file(_ name: Substring) -> HTTPReply {
        let isModel = name.hasSuffix(".glb")
        guard isModel || name.hasSuffix(".png"), let plan = SandboxPlan(id: name.dropLast(4)),
            SandboxProgress(of: plan, at: clock()).state == .succeeded
        else { return .problem(.notFound, "not_found", "no such file") }
        if plan.mode == .broken {
            return HTTPReply(.ok, headers: ["Content-Type": "model/gltf-binary"], body: Array("no model".utf8))
        }
        do throws(PictureFault) {
            let kept = plan.picture.isEmpty ? nil : load(plan.picture)
            let picture = if let kept { kept } else { try Card.builtInPicture() }
            let model = try Card.build(picture: picture, seed: UInt64(plan.seed), textured: plan.textured)
            return HTTPReply(.ok, headers: ["Content-Type": "model/gltf-binary"], body: model)
        } catch {
            return .problem(.internalServerError, "picture", "the picture cannot be decoded: \(error)")
        }
    }

    /// The bytes of a data URI or of bare base64.
    private static func picture(_ text: String) -> [UInt8]? {
        guard text.hasPrefix("data:") else { return Base64.decode(text, space: .ignored) }
        guard let comma = text.firstIndex(of: ",") else { return nil }
        return Base64.decode(text[comma...].dropFirst().utf8, space: .ignored)
    }
}

extension HTTPReply {
    fileprivate static func json(_ value: JSONValue, _ status: HTTPStatus = .ok) -> HTTPReply {
        HTTPReply(status, headers: ["Content-Type": "application/json"], body: value.bytes)
    }

    fileprivate static func problem(_ status: HTTPStatus, _ code: String, _ message: String) -> HTTPReply {
        .json(["error": ["code": .string(code), "message": .string(message)]], status)
    }
}
