import HTTP
import JSON

/// fal.ai: a queue with addresses for everything, failures told as completions, and the platform API beside it.
struct SimulatedFal: SimulatedProvider {
    let id = "fal"
    /// Under this name its synchronous endpoint is served, which is another host there.
    let aliases: [Substring] = ["fal-run"]

    func route(_ call: Call) -> RouteKind? {
        let path = call.path
        if path == ["fal-ai", "trellis-2"] { return .submit }
        if path == [".well-known", "jwks.json"] { return .keys }
        if path == ["v1", "models", "requests", "by-endpoint"] { return .list }
        if path == ["v1", "account", "billing"] { return .balance }
        guard path.count >= 4, path.starts(with: ["fal-ai", "trellis-2", "requests"]) else { return nil }
        switch path.count == 4 ? "response" : path[4] {
        case "response" where path.count <= 5: return .result
        case "status" where path.count == 5: return .look
        case "cancel" where path.count == 5: return .cancel
        default: return nil
        }
    }

    func key(in request: HTTPRequest) -> String? { credential(request, "Authorization", prefix: "Key ") }

    func refusal(_ status: Int, _ code: String?, _ message: String) -> HTTPResponse {
        var response = HTTPResponse.json(["detail": .string(message)], status: HTTPStatus(status))
        let type = [
            429: "concurrent_requests_limit", 500: "internal_server_error", 503: "runner_scheduling_failure",
            504: "request_timeout",
        ][status]
        if let type = status >= 500 || status == 429 ? code.flatMap({ $0 == "rate_limited" ? nil : $0 }) ?? type : nil {
            response = .json(["detail": .string(message), "error_type": .string(type)], status: HTTPStatus(status))
            response.headers.set("X-Fal-Error-Type", type)
            response.headers.set(status == 504 ? "X-Fal-Needs-Retry" : "X-Fal-Retryable", "true")
        }
        return response
    }

    private static let shape: Shape = {
        let texts = { (choices: [Int64]) in
            Shape.either(.integerChoice(choices), .textChoice(choices.map { String($0) }))
        }
        var fields: [String: Shape] = [
            "image_url": .picture([.address, .dataURI]), "seed": .integer(0...2_147_483_647),
            "resolution": texts([512, 1024, 1536]), "decimation_target": .integer(5_000...2_000_000),
            "texture_size": texts([1024, 2048, 4096]), "remesh": .flag, "remesh_band": .number(0...4),
            "remesh_project": .number(0...1), "uv_unwrap_angle_threshold_deg": .number(1...180),
            "uv_unwrap_refine_iterations": .integer(0...10), "uv_unwrap_global_iterations": .integer(0...10),
            "uv_unwrap_smooth_strength": .number(0...10),
        ]
        for stage in ["ss", "shape_slat", "tex_slat"] {
            fields[stage + "_sampling_steps"] = .integer(1...50)
            fields[stage + "_guidance_strength"] = .number(0...10)
            fields[stage + "_guidance_rescale"] = .number(0...1)
            fields[stage + "_rescale_t"] = .number(1...6)
            fields[stage + "_guidance_interval_start"] = .number(0...1)
            fields[stage + "_guidance_interval_end"] = .number(0...1)
        }
        return .object(fields, required: ["image_url"])
    }()

    func respond(_ call: Call, _ world: inout World) -> HTTPResponse {
        switch (call.route, call.method) {
        case (.submit, .post): return submit(call, &world)
        case (.look, .get): return look(call, &world)
        case (.result, .get): return result(call, &world)
        case (.cancel, .put): return cancel(call, &world)
        case (.keys, .get):
            return .json([
                "keys": [["kty": "OKP", "crv": "Ed25519", "x": .string(world.signer.publicKey), "kid": "simulated"]]
            ])
        case (.list, .get): return list(call, world)
        case (.balance, .get):
            let balance = Double(world.balances[id, default: 0]) / 1_000_000
            return .json([
                "username": "simulated",
                "credits": ["current_balance": .decimal(JSONDecimal(balance)), "currency": "USD"],
            ])
        default: return refusal(405, nil, "Method Not Allowed")
        }
    }

    private func invalid(_ violations: [Violation], _ input: JSONValue) -> HTTPResponse {
        let details = violations.map { violation -> JSONValue in
            let type =
                switch violation.kind {
                case .missing: "missing"
                case .unknown: "extra_forbidden"
                case .type: "type_error"
                case .value: "value_error"
                }
            return [
                "loc": .array((["body"] + violation.path).map { .string($0) }), "msg": .string(violation.message),
                "type": .string(type), "input": violation.path.first.flatMap { input[$0] } ?? .null,
            ]
        }
        return .json(["detail": .array(details)], status: .unprocessableContent)
    }

    private func submit(_ call: Call, _ world: inout World) -> HTTPResponse {
        let input: JSONValue
        switch body(call) {
        case .success(let value): input = value
        case .failure(let fault): return refusal(422, nil, fault.message)
        }
        let violations = Self.shape.violations(in: input)
        guard violations.isEmpty else { return invalid(violations, input) }
        for stage in ["ss", "shape_slat", "tex_slat"] {
            let end = input[stage + "_guidance_interval_end"]?.double ?? (stage == "tex_slat" ? 0.9 : 1)
            if input[stage + "_guidance_interval_start"]?.double ?? 0.6 > end {
                let path = [stage + "_guidance_interval_end"]
                return invalid([Violation(path: path, kind: .value, message: "must be >= start")], input)
            }
        }
        let webhook = call.query("fal_webhook")
        if let webhook, !isAddress(webhook) { return refusal(422, nil, "fal_webhook is not a URL") }
        let resolution = input["resolution"]?.integer ?? input["resolution"]?.string.flatMap { Int64($0) } ?? 1024
        let order = World.Order(
            id: world.uuid(), input: input, webhook: webhook,
            price: [512: 250_000, 1024: 300_000, 1536: 350_000][resolution] ?? 300_000, resolution: resolution,
            seed: input["seed"]?.integer ?? Int64(world.draw() >> 33))
        guard let job = world.buy(order, id, call) else {
            return refusal(403, nil, "User is locked. Reason: Exhausted balance.")
        }
        if call.prefix == "fal-run" {
            world.syncUntil = job.endsAt
            return output(of: job, world, base: call.base)
        }
        return .json(queueStatus(of: job, "IN_QUEUE", now: call.now))
    }

    private func queueStatus(of job: SimulatedJob, _ word: String, logs: JSONValue = .null, now: Int64) -> JSONValue {
        let home = "\(job.home)/fal-ai/trellis-2/requests/\(job.id)"
        var status: JSONObject = JSONObject()
        status["status"] = .string(word)
        status["request_id"] = .string(job.id)
        status["response_url"] = .string(home)
        status["status_url"] = .string(home + "/status")
        status["cancel_url"] = .string(home + "/cancel")
        if word == "IN_QUEUE" { status["queue_position"] = 0 } else { status["logs"] = logs }
        if word == "COMPLETED" {
            status["metrics"] = ["inference_time": .decimal(JSONDecimal(Double(job.endsAt - job.startsAt) / 1000))]
        }
        return .object(status)
    }

    private func find(_ call: Call, _ world: World) -> SimulatedJob? {
        guard let job = world.job(id, call.path[3]),
            !job.isForgotten(at: call.now, after: 3600, scale: world.settings.timeScale)
        else { return nil }
        return job
    }

    private func look(_ call: Call, _ world: inout World) -> HTTPResponse {
        guard let job = find(call, world) else { return .json(["status": "NOT_FOUND"], status: .notFound) }
        world.change(id, job.id) { $0.looks += 1 }
        var logs: JSONValue = .null
        if let wanted = call.query("logs"), wanted == "1" || wanted == "true" {
            logs = [
                [
                    "message": "Sampling sparse structure", "timestamp": .string(Timestamp.rfc3339(job.startsAt)),
                    "level": "INFO", "source": "USER",
                ]
            ]
        }
        switch job.phase(at: call.now) {
        case .waiting: return .json(queueStatus(of: job, "IN_QUEUE", now: call.now), status: .accepted)
        case .running: return .json(queueStatus(of: job, "IN_PROGRESS", logs: logs, now: call.now), status: .accepted)
        case .done: return .json(queueStatus(of: job, "COMPLETED", logs: logs == .null ? [] : logs, now: call.now))
        case .failed, .canceled:
            var status = queueStatus(of: job, "COMPLETED", logs: [], now: call.now).object ?? JSONObject()
            let failure = failure(of: job, at: call.now)
            status["error"] = .string(failure.message)
            // Half of them leave the type to the result.
            if job.seed % 2 == 0 { status["error_type"] = .string(failure.type) }
            return .json(.object(status))
        }
    }

    private func failure(of job: SimulatedJob, at now: Int64) -> (status: Int, type: String, message: String) {
        if job.phase(at: now) == .canceled { return (499, "client_cancelled", "The request was cancelled.") }
        return (
            job.fate.status ?? 422, job.fate.code ?? "image_load_error", job.fate.message ?? "Failed to load the image"
        )
    }

    private func result(_ call: Call, _ world: inout World) -> HTTPResponse {
        guard let job = find(call, world) else { return .json(["status": "NOT_FOUND"], status: .notFound) }
        switch job.phase(at: call.now) {
        case .waiting, .running: return refusal(400, nil, "Request is still in progress")
        case .done:
            if job.fate.end == .lateFile, !job.isAnnounced {
                world.change(id, job.id) { $0.isAnnounced = true }
                return .json(["model_glb": .null])
            }
            return output(of: job, world, base: call.base)
        case .failed, .canceled:
            let failure = failure(of: job, at: call.now)
            if failure.status >= 500 {
                world.refund(id, job.id)
                return refusal(failure.status, failure.type, failure.message)
            }
            return .json(
                [
                    "detail": [
                        [
                            "loc": ["body", "image_url"], "msg": .string(failure.message),
                            "type": .string(failure.type),
                            "url": .string("https://docs.fal.ai/errors#" + failure.type), "ctx": [:],
                            "input": job.input["image_url"] ?? .null,
                        ]
                    ]
                ], status: HTTPStatus(failure.status))
        }
    }

    private func output(of job: SimulatedJob, _ world: World, base: String) -> HTTPResponse {
        var response = HTTPResponse.json(payload(of: job, world, base: base))
        response.headers.set("x-fal-request-id", job.id)
        response.headers.set("X-Fal-Billable-Units", "1")
        return response
    }

    private func payload(of job: SimulatedJob, _ world: World, base: String) -> JSONValue {
        let name = world.modelName(of: job)
        return [
            "model_glb": [
                "url": .string(world.address(of: job, name, base: base)), "content_type": "model/gltf-binary",
                "file_name": .string(name), "file_size": .integer(Int64(world.model(of: job).count)),
            ]
        ]
    }

    private func cancel(_ call: Call, _ world: inout World) -> HTTPResponse {
        guard let job = find(call, world) else { return .json(["status": "NOT_FOUND"], status: .notFound) }
        let phase = job.phase(at: call.now)
        guard phase == .waiting || phase == .running else {
            return .json(["status": "ALREADY_COMPLETED"], status: .badRequest)
        }
        world.change(id, job.id) { $0.canceledAt = call.now }
        return .json(["status": "CANCELLATION_REQUESTED"], status: .accepted)
    }

    /// What was asked in a time, newest first.
    private func list(_ call: Call, _ world: World) -> HTTPResponse {
        guard call.query("endpoint_id") == "fal-ai/trellis-2" else {
            return refusal(422, nil, "endpoint_id is required")
        }
        let start = call.query("start").flatMap(Timestamp.fromRFC3339) ?? 0
        let end = call.query("end").flatMap(Timestamp.fromRFC3339) ?? Int64.max
        let limit = min(100, max(1, call.query("limit").flatMap { Int($0) } ?? 50))
        let found = world.jobs.reversed().lazy.filter {
            $0.provider == id && $0.acceptedAt >= start && $0.acceptedAt <= end
        }
        let jobs = Array(found.prefix(limit + 1))
        let shows = call.query("expand") == "payloads"
        let items = jobs.prefix(limit).map { job -> JSONValue in
            var item = JSONObject()
            item["request_id"] = .string(job.id)
            item["endpoint_id"] = "fal-ai/trellis-2"
            item["sent_at"] = .string(Timestamp.rfc3339(job.acceptedAt))
            item["ended_at"] = job.endsAt <= call.now ? .string(Timestamp.rfc3339(job.endsAt)) : nil
            if shows { item["json_input"] = job.input }
            return .object(item)
        }
        return .json(["items": .array(items), "next_cursor": .null, "has_more": .bool(jobs.count > limit)])
    }

    func announcements(of job: SimulatedJob, _ world: World, now: Int64) -> [JSONValue] {
        let id = JSONValue.string(job.id)
        let gateway = JSONValue.string("gw-" + job.id)
        if job.phase(at: now) == .done {
            return [
                [
                    "request_id": id, "gateway_request_id": gateway, "status": "OK",
                    "payload": payload(of: job, world, base: job.origin),
                ]
            ]
        }
        let failure = failure(of: job, at: now)
        return [
            [
                "request_id": id, "gateway_request_id": gateway, "status": "ERROR",
                "error": .string("Invalid status code: \(failure.status)"),
                "payload": [
                    "detail": [
                        ["loc": ["body", "image_url"], "msg": .string(failure.message), "type": .string(failure.type)]
                    ]
                ],
            ]
        ]
    }
}
