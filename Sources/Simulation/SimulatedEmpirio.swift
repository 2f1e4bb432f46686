import HTTP
import JSON

/// EmpirioLabs: an API in OpenAI's manner, with texts where others have numbers, and a job that is forgotten after
/// an hour.
struct SimulatedEmpirio: SimulatedProvider {
    let id = "empiriolabs"

    func route(_ call: Call) -> RouteKind? {
        let path = call.path
        if path == ["v1", "3d", "generations"] { return .submit }
        if path.count == 3, path.starts(with: ["v1", "jobs"]) { return .look }
        if path == ["v1", "models", "trellis-2-4b"] { return .list }
        if path == ["health"] { return .keys }
        return nil
    }

    func key(in request: HTTPRequest) -> String? {
        bearer(request) ?? credential(request, "x-api-key", prefix: "")
    }

    func refusal(_ status: Int, _ code: String?, _ message: String) -> HTTPResponse {
        error(status, code, message, parameter: nil)
    }

    private func error(_ status: Int, _ code: String?, _ message: String, parameter: String?) -> HTTPResponse {
        let type =
            [
                400: "invalid_request_error", 401: "authentication_error", 402: "insufficient_quota",
                429: "rate_limit_error",
            ][
                status] ?? (status < 500 ? "invalid_request_error" : "server_error")
        return .json(
            [
                "error": [
                    "message": .string(message), "type": .string(type), "param": .text(parameter),
                    "code": .text(code),
                ]
            ], status: HTTPStatus(status))
    }

    private static let shape: Shape = {
        var fields: [String: Shape] = [
            "model": .textChoice(["trellis-2-4b"]), "image": .picture([.address, .dataURI]), "image_url": .address,
            "resolution": .textChoice(["512", "1024", "1536"]),
            "pipeline_type": .textChoice(["512", "1024_cascade", "1536_cascade"]),
            "seed": .integer(0...2_147_483_647), "preprocess_image": .flag, "max_num_tokens": .integer(1024...131_072),
            "texture_size": .textChoice(["1024", "2048", "4096"]), "decimation_target": .integer(10_000...1_000_000),
            "remesh": .flag, "remesh_band": .number(0...5), "remesh_project": .number(0...1),
            "uv_unwrap_angle_threshold_deg": .number(1...180), "uv_unwrap_refine_iterations": .integer(0...10),
            "uv_unwrap_global_iterations": .integer(0...10), "uv_unwrap_smooth_strength": .number(0...10),
            "response_format": .textChoice(["url", "b64_json"]), "verbose": .flag,
        ]
        for stage in ["ss", "shape_slat", "tex_slat"] {
            fields[stage + "_sampling_steps"] = .integer(1...64)
            fields[stage + "_guidance_strength"] = .number(0...20)
            fields[stage + "_guidance_rescale"] = .number(0...2)
            fields[stage + "_guidance_interval_start"] = .number(0...1)
            fields[stage + "_guidance_interval_end"] = .number(0...1)
            fields[stage + "_rescale_t"] = .number(0...20)
        }
        return .object(fields, required: ["model"])
    }()

    func respond(_ call: Call, _ world: inout World) -> HTTPResponse {
        switch (call.route, call.method) {
        case (.submit, .post): submit(call, &world)
        case (.look, .get): look(call, &world)
        case (.list, .get):
            .json(["id": "trellis-2-4b", "object": "model", "supported_endpoints": ["/v1/3d/generations"]])
        case (.keys, .get): .json(["status": "ok"])
        default: error(405, nil, "Method not allowed", parameter: nil)
        }
    }

    private func submit(_ call: Call, _ world: inout World) -> HTTPResponse {
        let input: JSONValue
        switch body(call) {
        case .success(let value): input = value
        case .failure(let fault): return refusal(fault.status, nil, fault.message)
        }
        if let first = Self.shape.violations(in: input).first {
            return error(400, nil, "\(first.field): \(first.message)", parameter: first.field)
        }
        guard input["image"] != nil || input["image_url"] != nil else {
            return error(400, nil, "image is required", parameter: "image")
        }
        let resolution = Int64(input["resolution"]?.string ?? "1024") ?? 1024
        if let pipeline = input["pipeline_type"]?.string, !pipeline.hasPrefix(String(resolution)) {
            return error(400, nil, "pipeline_type contradicts resolution", parameter: "pipeline_type")
        }
        let order = World.Order(
            id: "job_" + hexadecimal(world.draw()), input: input, webhook: nil,
            price: [512: 25_000, 1024: 249_000, 1536: 499_000][resolution] ?? 249_000, resolution: resolution,
            seed: input["seed"]?.integer ?? 42)
        guard let job = world.buy(order, id, call) else {
            return refusal(402, "insufficient_quota", "You exceeded your current quota.")
        }
        return .json(
            [
                "job_id": .string(job.id), "status": "queued", "poll_url": .string("/v1/jobs/\(job.id)"),
                "created_at": .string(Timestamp.rfc3339(call.now)),
            ], status: .accepted)
    }

    private func look(_ call: Call, _ world: inout World) -> HTTPResponse {
        guard let job = world.job(id, call.path[2]),
            !job.isForgotten(at: call.now, after: 3600, scale: world.settings.timeScale)
        else { return refusal(404, "job_not_found", "No such job: \(call.path[2])") }
        world.change(id, job.id) { $0.looks += 1 }
        let phase = job.phase(at: call.now)
        var result: JSONValue = .null
        var error: JSONValue = .null
        let word: String
        switch phase {
        case .waiting: word = "queued"
        case .running: word = "processing"
        case .failed, .canceled:
            word = "failed"
            error = [
                "message": .string(job.fate.message ?? "The generation failed."), "type": "server_error",
                "param": .null,
                "code": .text(job.fate.code),
            ]
        case .done:
            // The words are unpublished; one job in four says it another way.
            word = job.seed % 4 == 0 ? "succeeded" : "completed"
            let isInline = job.fate.end == .inline || job.input["response_format"]?.string == "b64_json"
            let item: JSONValue =
                isInline
                ? ["b64_json": .string(Base64.encode(world.model(of: job)))]
                : [
                    "url": .string(world.address(of: job, "model.glb", base: call.base)),
                    "content_type": "model/gltf-binary",
                ]
            result = ["data": [item], "usage": ["billable_units": 1, "billing_unit": "asset"]]
            if job.fate.end == .lateFile, !job.isAnnounced { result = ["data": []] }
            world.change(id, job.id) { $0.isAnnounced = true }
        }
        return .json([
            "job_id": .string(job.id), "status": .string(word),
            "progress": .decimal(JSONDecimal(phase == .done ? 1 : job.progress(at: call.now))),
            "created_at": .string(Timestamp.rfc3339(job.acceptedAt)),
            "completed_at": phase == .done ? .string(Timestamp.rfc3339(job.endsAt)) : .null, "result": result,
            "error": error,
        ])
    }
}
