import HTTP
import JSON

/// Pixazo: a queue behind Azure API Management, pictures by address only, calls back by a header.
struct SimulatedPixazo: SimulatedProvider {
    let id = "pixazo"

    func route(_ call: Call) -> RouteKind? {
        let path = call.path
        if path == ["trellis-2-image-to-3d", "v1", "trellis-2-image-to-3d-request"] { return .submit }
        if path.count == 4, path.starts(with: ["v2", "requests", "status"]) { return .look }
        return nil
    }

    func key(in request: HTTPRequest) -> String? { credential(request, "Ocp-Apim-Subscription-Key", prefix: "") }

    func refusal(_ status: Int, _ code: String?, _ message: String) -> HTTPResponse {
        // The front refuses in its own shape.
        if [401, 403, 429].contains(status) {
            return .json(
                ["statusCode": .integer(Int64(status)), "message": .string(message)], status: HTTPStatus(status))
        }
        let title =
            code ?? [400: "Bad Request", 402: "Insufficient Balance", 500: "Internal Server Error"][status] ?? "Error"
        return .json(["error": .string(title), "message": .string(message)], status: HTTPStatus(status))
    }

    private static let shape = Shape.object(
        [
            "image_url": .address, "resolution": .integerChoice([512, 1024, 1536]),
            "ss_guidance_strength": .number(0...10), "ss_guidance_rescale": .number(0...1),
            "ss_sampling_steps": .integer(1...50), "ss_rescale_t": .integer(1...6),
            "shape_slat_guidance_strength": .number(0...10), "shape_slat_guidance_rescale": .number(0...1),
            "shape_slat_sampling_steps": .integer(1...50), "shape_slat_rescale_t": .integer(1...6),
            "tex_slat_guidance_strength": .number(0...10), "tex_slat_sampling_steps": .integer(1...50),
            "tex_slat_rescale_t": .integer(1...6), "decimation_target": .integer(5_000...2_000_000),
            "texture_size": .integerChoice([1024, 2048, 4096]), "remesh": .flag, "remesh_band": .integer(0...4),
        ], required: ["image_url"])

    func respond(_ call: Call, _ world: inout World) -> HTTPResponse {
        switch (call.route, call.method) {
        case (.submit, .post): submit(call, &world)
        case (.look, .get): look(call, &world)
        default: refusal(404, "Not Found", "Resource not found")
        }
    }

    private func submit(_ call: Call, _ world: inout World) -> HTTPResponse {
        let input: JSONValue
        switch body(call) {
        case .success(let value): input = value
        case .failure(let fault): return refusal(400, nil, fault.message)
        }
        if let first = Self.shape.violations(in: input).first {
            return refusal(400, nil, "\(first.field): \(first.message)")
        }
        let webhook = call.request.headers["X-Webhook-URL"]
        if let webhook, !isAddress(webhook) { return refusal(400, nil, "X-Webhook-URL is not a URL") }
        let order = World.Order(
            id: "trellis-2-image-to-3d_" + world.uuid(), input: input, webhook: webhook, price: 350_000,
            resolution: input["resolution"]?.integer ?? 1024, seed: Int64(world.draw() >> 33))
        guard let job = world.buy(order, id, call) else {
            return refusal(402, nil, "Your wallet does not have enough balance.")
        }
        return .json(
            [
                "request_id": .string(job.id), "status": "QUEUED",
                "polling_url": .string("\(call.home)/v2/requests/status/\(job.id)"),
            ], status: .accepted)
    }

    private func look(_ call: Call, _ world: inout World) -> HTTPResponse {
        guard let job = PercentCoding.decode(String(call.path[3])).flatMap({ world.job(id, $0) }), job.fate.end != .gone
        else {
            return refusal(404, "Not Found", "Request not found")
        }
        world.change(id, job.id) { $0.looks += 1 }
        // A system error is free; the job's own failure is not.
        if job.phase(at: call.now) == .failed, Self.failure(of: job) == "ERROR" { world.refund(id, job.id) }
        return .json(Self.status(of: job, world, base: call.base, now: call.now))
    }

    private static func failure(of job: SimulatedJob) -> String { job.fate.code == "FAILED" ? "FAILED" : "ERROR" }

    private static func status(of job: SimulatedJob, _ world: World, base: String, now: Int64) -> JSONValue {
        let phase = job.phase(at: now)
        let word: String
        switch phase {
        case .waiting: word = "QUEUED"
        case .running: word = "PROCESSING"
        case .done: word = "COMPLETED"
        case .failed, .canceled: word = failure(of: job)
        }
        var output: JSONValue = .null
        if phase == .done {
            let url = JSONValue.string(world.address(of: job, "output.glb", base: base))
            // An array, as the page has it; a plain string now and then, as clients met it.
            let media: JSONValue = job.fate.end == .lateFile ? url : [url]
            output = ["media_url": media, "media_type": "application/octet-stream"]
        }
        let ended = phase == .done || phase == .failed
        return [
            "request_id": .string(job.id), "status": .string(word), "model_id": "trellis-2-image-to-3d",
            "error": phase == .failed ? .string(job.fate.message ?? "Description of the error") : .null,
            "output": output,
            "created_at": .string(Timestamp.rfc3339(job.acceptedAt)),
            "updated_at": .string(Timestamp.rfc3339(min(now, job.endsAt))),
            "completed_at": ended ? .string(Timestamp.rfc3339(job.endsAt)) : .null,
        ]
    }

    func announcements(of job: SimulatedJob, _ world: World, now: Int64) -> [JSONValue] {
        [Self.status(of: job, world, base: job.origin, now: now)]
    }
}
