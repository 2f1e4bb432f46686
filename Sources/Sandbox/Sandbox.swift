import GLB
import HTTP
import JSON

/// An upstream inside the process, so that the whole gateway can be tried without an account anywhere. It speaks a
/// protocol that `Provider.sandbox` describes. A submit may be repeated: that makes another job of the same content,
/// and costs nothing either.
///
/// Its work is real as far as files go: a valid GLB of the given picture, the same for the same picture and seed.
package struct Sandbox: Sendable {
    /// Where its addresses begin: no scheme that anything could be sent to by mistake.
    package static let baseURL = "sandbox://local"

    /// What every answer says, so that nobody takes a card for a generated model.
    private static let label = "made by the built-in sandbox: a card with the picture on it, not a generated model"

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
            let hasEnded = SandboxProgress(of: plan, at: clock()).state.hasEnded
            return hasEnded ? .problem(.conflict, "ended", "the job has ended") : .json(job(plan), .accepted)
        case (.get, 2, "balance"): return .json(["balance": "0.00", "currency": "USD"])
        case (.get, 3, "files"): return file(parts[2])
        default: return .problem(.notFound, "not_found", "the sandbox has no \(request.method.name) \(path)")
        }
    }

    // MARK: Jobs

    private func generate(_ body: OutgoingRequest.Body) async -> HTTPReply {
        guard case .bytes(let bytes) = body, let asked = (try? JSONReader.value(of: bytes))?.object else {
            return .problem(.badRequest, "validation_failed", "the body must be a JSON object")
        }
        let url = asked["image_url"]?.string
        let mode = SandboxMode(asked: asked["metadata"]?["sandbox"]?.string, url: url)
        switch mode {
        case .reject:
            return .problem(.badRequest, "bad_picture", "the sandbox was asked to reject this picture")
        case .busy:
            var reply = HTTPReply.problem(.tooManyRequests, "rate_limited", "the sandbox was asked to be busy")
            reply.headers.set("Retry-After", "2")
            return reply
        case .down: return .problem(.serviceUnavailable, "unavailable", "the sandbox was asked to be down")
        case .normal, .slow, .fail, .hang, .broken: break
        }

        var note = SandboxPlan.Note.none
        var name = ""
        if let text = asked["image"]?.string {
            guard let picture = Self.picture(text), Self.isReadable(picture) else {
                return .problem(
                    .badRequest, "bad_picture", "the picture is no PNG, JPEG or WebP that the sandbox can read")
            }
            guard let kept = keep(picture) else { return .problem(507, "no_room", "no room for the picture") }
            name = kept
        } else if let url {
            if let picture = await fetch(url) {
                if !Self.isReadable(picture) {
                    note = .unreadable
                } else {
                    guard let kept = keep(picture) else { return .problem(507, "no_room", "no room for the picture") }
                    name = kept
                }
            } else {
                note = .unreachable
            }
        } else {
            return .problem(.badRequest, "validation_failed", "image or image_url must be given")
        }

        let seed = asked["seed"]?.integer ?? 0
        let plan = SandboxPlan(
            start: clock(), length: length(asked, seed: seed, mode: mode), seed: max(0, seed), mode: mode,
            textured: asked["textures"]?.bool ?? false, thumbnail: asked["thumbnail"]?.bool ?? false, note: note,
            picture: name)
        return .json(job(plan), .created)
    }

    /// Larger models take longer, and no two take the same.
    private func length(_ asked: JSONObject, seed: Int64, mode: SandboxMode) -> Int64 {
        let resolution = asked["resolution"]?.integer ?? 1024
        let size = resolution <= 512 ? 0.7 : resolution >= 1536 ? 1.4 : 1.0
        let spread = 0.9 + Double((UInt64(bitPattern: seed) &* 0x9E37_79B9_7F4A_7C15) >> 56) / 1280
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
        switch progress.state {
        case .finished:
            job["model_url"] = .string("\(Self.baseURL)/v1/files/\(id).glb")
            if plan.thumbnail { job["thumbnail_url"] = .string("\(Self.baseURL)/v1/files/\(id).png") }
            let notes = [plan.note.sentence, Self.label].compactMap(\.self)
            job["notes"] = .array(notes.map { ["param": "image", "message": .string($0)] })
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
            SandboxProgress(of: plan, at: clock()).state == .finished
        else { return .problem(.notFound, "not_found", "no such file") }
        if plan.mode == .broken {
            return HTTPReply(.ok, headers: ["Content-Type": "model/gltf-binary"], body: Array("no model".utf8))
        }
        do throws(PictureFault) {
            let kept = plan.picture.isEmpty ? nil : load(plan.picture)
            let picture = if let kept { kept } else { try Card.builtInPicture() }
            let model = try Card.build(picture: picture, seed: UInt64(plan.seed), textured: plan.textured)
            if isModel { return HTTPReply(.ok, headers: ["Content-Type": "model/gltf-binary"], body: model) }
            guard let thumbnail = try? Thumbnail.render(model) else {
                return .problem(.internalServerError, "thumbnail", "the model cannot be drawn")
            }
            return HTTPReply(.ok, headers: ["Content-Type": "image/png"], body: thumbnail)
        } catch {
            return .problem(.internalServerError, "picture", "the picture cannot be decoded: \(error)")
        }
    }

    /// Whether a card can be made of it: said when it is asked for, not when the card is fetched.
    private static func isReadable(_ picture: [UInt8]) -> Bool {
        guard let header = try? Picture.Header.readWhole(picture) else { return false }
        return header.width * header.height <= Picture.Limits().pixels
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
