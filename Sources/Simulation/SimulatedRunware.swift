import HTTP
import JSON

/// Runware: arrays of tasks in, `{data, errors}` out; a job is known by the caller's own UUID.
struct SimulatedRunware: SimulatedProvider {
    let id = "runware"

    func route(_ call: Call) -> RouteKind? {
        guard call.path == ["v1"] else { return nil }
        // What a call is for stands in its first task.
        guard let first = (try? JSONReader.value(of: call.request.body))?[0]?["taskType"]?.string else { return .other }
        switch first {
        case "3dInference": return .submit
        case "getResponse": return .look
        case "accountManagement": return .balance
        default: return .other
        }
    }

    func key(in request: HTTPRequest) -> String? {
        if let key = bearer(request) { return key }
        let first = (try? JSONReader.value(of: request.body))?[0]
        return first?["taskType"]?.string == "authentication" ? first?["apiKey"]?.string : nil
    }

    func refusal(_ status: Int, _ code: String?, _ message: String) -> HTTPResponse {
        let word =
            [
                "invalid_api_key": "invalidApiKey", "rate_limited": "apiRateLimitExceeded",
            ][code ?? ""] ?? code
            ?? [
                400: "invalidParameter", 401: "invalidApiKey", 402: "insufficientCredits", 403: "invalidApiKey",
                429: "apiRateLimitExceeded", 503: "serviceUnavailable",
            ][status]
            ?? "internalServerError"
        return .json(["errors": [["code": .string(word), "message": .string(message)]]], status: HTTPStatus(status))
    }

    private static let sampler = Shape.object(
        [
            "steps": .integer(1...50), "guidanceStrength": .number(1...10), "guidanceRescale": .number(0...1),
            "rescaleT": .number(1...6),
        ], required: [])

    private static let inference = Shape.object(
        [
            "taskType": .textChoice(["3dInference"]), "taskUUID": .uuid,
            "model": .textChoice(["microsoft:trellis-2@4b"]),
            "inputs": .object(["image": .picture([.address, .dataURI, .base64, .uuid])], required: ["image"]),
            "seed": .integer(0...Int64.max), "numberResults": .integer(1...4),
            "outputType": .either(.textChoice(["URL"]), .list(.textChoice(["URL"]))),
            "outputFormat": .textChoice(["GLB"]), "deliveryMethod": .textChoice(["sync", "async"]),
            "includeCost": .flag,
            "ttl": .integer(60...31_536_000), "webhookURL": .address, "uploadEndpoint": .address,
            "settings": .object(
                [
                    "resolution": .integerChoice([512, 1024, 1536]),
                    "textureSize": .integerChoice([1024, 2048, 3072, 4096]),
                    "decimationTarget": .integer(100_000...1_000_000), "remesh": .flag, "sparseStructure": sampler,
                    "shapeSlat": sampler, "texSlat": sampler,
                ], required: []),
        ], required: ["taskType", "taskUUID", "model", "inputs"])

    private static let named = Shape.object(
        ["taskType": .text, "taskUUID": .uuid], required: ["taskType", "taskUUID"])

    /// What all tasks of one call came to.
    private struct Outcome {
        var data: [JSONValue] = []
        var errors: [JSONValue] = []
        var status = 200

        mutating func refuse(
            _ task: JSONValue, _ code: String, _ message: String, parameter: String? = nil, status: Int = 400
        ) {
            var error = JSONObject()
            error["code"] = .string(code)
            error["message"] = .string(message)
            if let parameter { error["parameter"] = .string(parameter) }
            error["taskType"] = task["taskType"]
            error["taskUUID"] = task["taskUUID"]
            errors.append(.object(error))
            self.status = max(self.status, status)
        }
    }

    func respond(_ call: Call, _ world: inout World) -> HTTPResponse {
        guard call.method == .post else { return refusal(405, "methodNotAllowed", "Only POST is supported.") }
        let input: JSONValue
        switch body(call) {
        case .success(let value): input = value
        case .failure(let fault): return refusal(fault.status, "invalidJSON", fault.message)
        }
        guard let tasks = input.array, !tasks.isEmpty else {
            return refusal(400, "invalidPayload", "The body must be an array of tasks.")
        }
        var outcome = Outcome()
        for task in tasks { perform(task, call, &world, &outcome) }
        var body = JSONObject()
        if !outcome.data.isEmpty { body["data"] = .array(outcome.data) }
        if !outcome.errors.isEmpty { body["errors"] = .array(outcome.errors) }
        // Errors beside data come with 200.
        return .json(.object(body), status: outcome.data.isEmpty ? HTTPStatus(outcome.status) : .ok)
    }

    private func perform(_ task: JSONValue, _ call: Call, _ world: inout World, _ outcome: inout Outcome) {
        switch task["taskType"]?.string {
        case "3dInference": infer(task, call, &world, &outcome)
        case "getResponse": find(task, call, &world, &outcome)
        case "authentication":
            outcome.data.append(["taskType": "authentication", "connectionSessionUUID": .string(world.uuid())])
        case "ping": outcome.data.append(["taskType": "ping", "pong": true])
        case "accountManagement":
            let shape = Shape.object(
                ["taskType": .text, "taskUUID": .uuid, "operation": .textChoice(["getDetails"])],
                required: ["taskType", "operation"])
            if let first = shape.violations(in: task).first { return refuse(task, first, &outcome) }
            outcome.data.append([
                "taskType": "accountManagement", "taskUUID": task["taskUUID"] ?? .null, "operation": "getDetails",
                "balance": .decimal(JSONDecimal(Double(world.balances[id, default: 0]) / 1_000_000)),
            ])
        default:
            outcome.refuse(task, "invalidTaskType", "The task type is not supported.", parameter: "taskType")
        }
    }

    private func refuse(_ task: JSONValue, _ violation: Violation, _ outcome: inout Outcome) {
        let code: String
        switch violation.kind {
        case .unknown: code = "unsupportedParameter"
        case .missing: code = "missingParameter"
        case .type, .value: code = "invalidParameter"
        }
        outcome.refuse(
            task, code, "Invalid value for \(violation.field): \(violation.message)", parameter: violation.field)
    }

    private func infer(_ task: JSONValue, _ call: Call, _ world: inout World, _ outcome: inout Outcome) {
        if let first = Self.inference.violations(in: task).first { return refuse(task, first, &outcome) }
        let uuid = task["taskUUID"]?.string ?? ""
        guard world.job(id, uuid) == nil else {
            world.count(id, "conflicts")
            return outcome.refuse(
                task, "conflictTaskUUID", "A task with this UUID exists already.", parameter: "taskUUID", status: 409)
        }
        let resolution = task["settings"]?["resolution"]?.integer ?? 1024
        let results = Int(task["numberResults"]?.integer ?? 1)
        let each: Int64 = [512: 12_000, 1024: 25_600, 1536: 70_000][resolution] ?? 25_600
        let order = World.Order(
            id: uuid, input: task, webhook: task["webhookURL"]?.string, price: each * Int64(results),
            resolution: resolution, seed: task["seed"]?.integer ?? Int64(world.draw() >> 32), results: results)
        guard let job = world.buy(order, id, call) else {
            return outcome.refuse(task, "insufficientCredits", "Your account has not enough credits.", status: 402)
        }
        if task["deliveryMethod"]?.string == "sync" {
            world.syncUntil = job.endsAt
            outcome.data += self.results(of: job, world, base: call.base)
        } else {
            outcome.data.append(["taskType": "3dInference", "taskUUID": .string(uuid)])
        }
    }

    private func find(_ task: JSONValue, _ call: Call, _ world: inout World, _ outcome: inout Outcome) {
        if let first = Self.named.violations(in: task).first { return refuse(task, first, &outcome) }
        let uuid = task["taskUUID"]?.string ?? ""
        guard let job = world.job(id, uuid), job.fate.end != .gone else {
            return outcome.refuse(
                task, "taskFailedOrNotFound", "No task with this UUID.", parameter: "taskUUID", status: 404)
        }
        world.change(id, uuid) { $0.looks += 1 }
        switch job.phase(at: call.now) {
        case .done:
            if job.fate.end == .lateFile, !job.isAnnounced {
                world.change(id, uuid) { $0.isAnnounced = true }
                outcome.data.append(["taskType": "3dInference", "taskUUID": .string(uuid), "status": "success"])
            } else {
                outcome.data += results(of: job, world, base: call.base)
            }
        case .failed, .canceled:
            world.refund(id, uuid)
            let error = failure(of: job)
            // Under `errors` in some answers, as an item of `data` in others; a whole status only when told so.
            if job.fate.status == nil, job.seed % 2 == 0 {
                outcome.errors.append(error)
            } else {
                outcome.data.append(error)
            }
            if let status = job.fate.status, outcome.data.isEmpty { outcome.status = status }
        case .waiting, .running:
            outcome.data.append([
                "taskType": "3dInference", "taskUUID": .string(uuid), "status": "processing",
                "progress": .integer(Int64(job.progress(at: call.now) * 100)),
            ])
        }
    }

    private func failure(of job: SimulatedJob) -> JSONValue {
        let code = JSONValue.string(job.fate.code ?? "timeoutProvider")
        let message = JSONValue.string(job.fate.message ?? "The provider did not answer in time.")
        return [
            "taskType": "3dInference", "taskUUID": .string(job.id), "status": "error", "code": code, "message": message,
            "error": ["code": code, "message": message],
        ]
    }

    private func results(of job: SimulatedJob, _ world: World, base: String) -> [JSONValue] {
        (0..<job.results).map { index in
            let url = world.address(of: job, world.modelName(of: job, index), base: base)
            let name = hexadecimal(UInt64(bitPattern: job.seed)) + String(index)
            let file: JSONValue = ["uuid": .string(name), "url": .string(url)]
            var item = JSONObject()
            item["taskType"] = "3dInference"
            item["taskUUID"] = .string(job.id)
            item["status"] = "success"
            item["outputs"] = ["files": [file]]
            item["seed"] = .integer(job.seed &+ Int64(index))
            if job.results > 1 { item["resultIndex"] = .integer(Int64(index)) }
            if job.input["includeCost"]?.bool == true {
                item["cost"] = .decimal(JSONDecimal(Double(job.price / Int64(job.results)) / 1_000_000))
            }
            return .object(item)
        }
    }

    /// One call a result, each the bare task.
    func announcements(of job: SimulatedJob, _ world: World, now: Int64) -> [JSONValue] {
        job.phase(at: now) == .done ? results(of: job, world, base: job.origin) : [failure(of: job)]
    }
}
