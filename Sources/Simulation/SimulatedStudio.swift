import HTTP
import JSON

/// 3D AI Studio: Django REST, with trailing slashes; three calls a minute for a key.
struct SimulatedStudio: SimulatedProvider {
    let id = "3daistudio"

    func route(_ call: Call) -> RouteKind? {
        let path = call.path
        if path == ["v1", "3d-models", "trellis2", "generate"] { return .submit }
        if path.count == 4, path.starts(with: ["v1", "generation-request"]), path[3] == "status" { return .look }
        if path == ["account", "user", "wallet"] || path == ["user", "wallet"] { return .balance }
        return nil
    }

    func key(in request: HTTPRequest) -> String? { bearer(request) }

    func refusal(_ status: Int, _ code: String?, _ message: String) -> HTTPResponse {
        let word =
            code
            ?? [400: "validation_failed", 401: "invalid_api_key", 402: "insufficient_credits", 429: "rate_limited"][
                status] ?? "error"
        return .json(
            ["error_code": .string(word.uppercased()), "detail": .string(message)], status: HTTPStatus(status))
    }

    private static let shape = Shape.object(
        [
            "image": .picture([.dataURI, .base64]), "image_url": .address,
            "resolution": .textChoice(["512", "1024", "1536"]),
            "steps": .integer(1...50), "textures": .flag, "texture_size": .integerChoice([1024, 2048, 4096]),
            "decimation_target": .integer(1_000...16_000_000), "seed": .integer(0...2_147_483_647),
            "generate_thumbnail": .flag,
        ], required: [])

    func respond(_ call: Call, _ world: inout World) -> HTTPResponse {
        // Django redirects to the slash where it may and complains where it may not.
        guard call.request.path.hasSuffix("/") else {
            return call.method == .get
                ? HTTPResponse(.movedPermanently, headers: ["Location": call.request.path + "/"])
                : refusal(500, "error", "You called this URL via POST, but the URL doesn't end in a slash.")
        }
        switch (call.route, call.method) {
        case (.submit, .post): return submit(call, &world)
        case (.look, .get): return look(call, &world)
        case (.balance, .get):
            let limit = Int64(world.settings.requestsPerMinute[id] ?? 1000)
            return .json([
                "balance": .string("\(world.balances[id, default: 0]).00"), "rate_limit": .integer(limit),
            ])
        default: return refusal(405, "method_not_allowed", "Method \"\(call.method)\" not allowed.")
        }
    }

    private func submit(_ call: Call, _ world: inout World) -> HTTPResponse {
        let input: JSONValue
        switch body(call) {
        case .success(let value): input = value
        case .failure(let fault): return refusal(fault.status, nil, fault.message)
        }
        let wrong = Self.shape.violations(in: input)
        if let first = wrong.first { return refusal(400, nil, "\(first.field): \(first.message)") }
        guard (input["image"] == nil) != (input["image_url"] == nil) else {
            return refusal(400, nil, "Provide either image or image_url.")
        }
        let resolution = Int64(input["resolution"]?.string ?? "1024") ?? 1024
        let textures = input["textures"]?.bool ?? false
        let thumbnail = input["generate_thumbnail"]?.bool ?? false
        let size = input["texture_size"]?.integer ?? 2048
        let base: Int64 = [512: 15, 1024: 20, 1536: 25][resolution] ?? 20
        let textured: Int64 =
            [512: size == 4096 ? 30 : 25, 1024: size == 4096 ? 40 : 30, 1536: size == 4096 ? 55 : 40][
                resolution] ?? 30
        let order = World.Order(
            id: world.uuid(), input: input, webhook: nil, price: (textures ? textured : base) + (thumbnail ? 2 : 0),
            resolution: resolution, hasTextures: textures, wantsThumbnail: thumbnail,
            seed: input["seed"]?.integer ?? Int64(world.draw() >> 33))
        guard let job = world.buy(order, id, call) else {
            return refusal(402, nil, "Insufficient credits. Top up your wallet.")
        }
        return .json(
            ["task_id": .string(job.id), "created_at": .string(Timestamp.rfc3339(call.now))], status: .created)
    }

    private func look(_ call: Call, _ world: inout World) -> HTTPResponse {
        guard let job = world.job(id, call.path[2]),
            !job.isForgotten(at: call.now, after: 86_400, scale: world.settings.timeScale)
        else { return refusal(404, "not_found", "No PublicApiGenerationRequest matches the given query.") }
        world.change(id, job.id) { $0.looks += 1 }
        var body: JSONValue
        switch job.phase(at: call.now) {
        case .waiting: body = Self.status("PENDING", 0)
        case .running: body = Self.status("IN_PROGRESS", Int64(job.progress(at: call.now) * 100))
        case .failed, .canceled:
            world.refund(id, job.id)
            body = Self.status(
                "FAILED", 100,
                reason: job.fate.message ?? "Generation failed (GPU error). Credits are refunded automatically.")
        case .done:
            let isLate = job.fate.end == .lateFile && !job.isAnnounced
            world.change(id, job.id) { $0.isAnnounced = true }
            let asset = world.address(of: job, world.modelName(of: job), base: call.base)
            let thumbnail = world.address(of: job, "thumbnail.png", base: call.base)
            body = Self.status(
                "FINISHED", 100,
                results: [
                    [
                        "asset_url": .null, "asset": isLate ? .null : .string(asset), "asset_type": "3D_MODEL",
                        "thumbnail": job.wantsThumbnail ? .string(thumbnail) : .null, "metadata": .null,
                    ]
                ])
        }
        return .json(body)
    }

    private static func status(
        _ word: String, _ progress: Int64, reason: String? = nil, results: [JSONValue] = []
    ) -> JSONValue {
        [
            "status": .string(word), "progress": .integer(progress), "failure_reason": .text(reason),
            "results": .array(results),
        ]
    }
}
