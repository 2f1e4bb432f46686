import Domain
import HTTP
import JSON

extension Provider {
    /// Runware: arrays of tasks in, data and errors out, found again by the name we gave the task. So a submit can be
    /// sent again: it answers that it has that one already.
    static let runware: Provider = Provider(
        id: "runware",
        name: "Runware",
        baseURL: "https://api.runware.ai",
        authentication: .bearer,
        picture: .addressOrData(address: "inputs.image", data: "inputs.image"),
        rows: Row.pictures + [
            .send(.resolution, as: "settings.resolution", .choice(512, 1024, 1536)),
            .pipeline,
            .unsupported(.maxTokens, because: noField),
            .unsupported(.preprocessImage, because: "the background is always removed when needed"),
            .send(.seed, as: "seed", .integer(0...Int64.max), theirs: "random"),
            .stages,
            .send(.ssSteps, as: "settings.sparseStructure.steps", .integer(1...50)),
            .send(.ssGuidance, as: "settings.sparseStructure.guidanceStrength", .number(1...10)),
            .send(.ssGuidanceRescale, as: "settings.sparseStructure.guidanceRescale", .number(0...1)),
            .send(.ssRescaleT, as: "settings.sparseStructure.rescaleT", .number(1...6)),
            .unsupported(.ssIntervalStart, because: noField),
            .unsupported(.ssIntervalEnd, because: noField),
            .send(.shapeSteps, as: "settings.shapeSlat.steps", .integer(1...50)),
            .send(.shapeGuidance, as: "settings.shapeSlat.guidanceStrength", .number(1...10)),
            .send(.shapeGuidanceRescale, as: "settings.shapeSlat.guidanceRescale", .number(0...1)),
            .send(.shapeRescaleT, as: "settings.shapeSlat.rescaleT", .number(1...6)),
            .unsupported(.shapeIntervalStart, because: noField),
            .unsupported(.shapeIntervalEnd, because: noField),
            .send(.texSteps, as: "settings.texSlat.steps", .integer(1...50)),
            .send(.texGuidance, as: "settings.texSlat.guidanceStrength", .number(1...10)),
            .send(.texGuidanceRescale, as: "settings.texSlat.guidanceRescale", .number(0...1)),
            .send(.texRescaleT, as: "settings.texSlat.rescaleT", .number(1...6)),
            .unsupported(.texIntervalStart, because: noField),
            .unsupported(.texIntervalEnd, because: noField),
            .send(.decimationTarget, as: "settings.decimationTarget", .integer(100_000...1_000_000), theirs: "500000"),
            .stripped,
            .send(.textureSize, as: "settings.textureSize", .choice(1024, 2048, 4096)),
            .send(.remesh, as: "settings.remesh", .flag),
            .unsupported(.remeshBand, because: noField),
            .unsupported(.remeshProject, because: noField),
            .unsupported(.uvAngle, because: noField),
            .unsupported(.uvRefine, because: noField),
            .unsupported(.uvGlobal, because: noField),
            .unsupported(.uvSmooth, because: noField),
            .rendered,
            // It makes up to four of one task, but with seeds of its own choosing: ours would not be true.
            .oneResult,
        ],
        constants: [
            Constant("taskType", "3dInference"), Constant("model", "microsoft:trellis-2@4b"),
            Constant("numberResults", 1), Constant("outputType", "URL"), Constant("outputFormat", "GLB"),
            Constant("deliveryMethod", "async"), Constant("includeCost", true),
        ],
        submitPath: "/v1",
        idFields: ["taskUUID"],
        lookPath: "/v1",
        states: ["PROCESSING": .running, "PENDING": .running, "SUCCESS": .done, "ERROR": .failed],
        fullProgress: 100,
        // The first row that fits decides.
        faults: [
            .containing("apikey", mean: .credentials),
            .containing("credits", "quota", "balance", mean: .outOfBalance),
            .containing("ratelimit", mean: .busy(retryAfter: nil)),
            .words("noAvailableServer", "serviceUnavailable", "modelUnavailable", mean: .busy(retryAfter: nil)),
            .beginning("contentPolicyViolation", mean: .content),
            .words("inferenceError", "timeoutProvider", "taskCancelled", mean: .generationFailed),
            .beginning("provider", mean: .generationFailed),
            .words("taskFailedOrNotFound", mean: .notFound),
            .containing("notfound", "expired", mean: .notFound),
            .beginning("invalid", "missing", "unsupported", "value", "array", "max", mean: .invalidInput(nil)),
        ],
        callback: .field("webhookURL"),
        resendIsSafe: true,
        // By computing time; a job at 1024 was seen at 2.6 cents. Every answer tells its own.
        prices: .microdollars([512: 12_000, 1024: 26_000, 1536: 70_000], isEstimate: true),
        durations: TypicalDurations(textured: [512: 20, 1024: 40, 1536: 100]),
        limits: CallLimits(concurrency: 4),
        keepsResults: nil,
        odd: OddParts(
            body: RunwareTasks.wrap, readSubmission: RunwareTasks.readSubmission, look: RunwareTasks.look,
            readLook: RunwareTasks.readLook, readCallback: RunwareTasks.readCallback, balance: RunwareTasks.askBalance,
            readBalance: RunwareTasks.readBalance))

    private static let noField = "it has no such field"
}

/// Runware's envelope: everything is an array of tasks to one address, and every answer has to be searched for ours.
enum RunwareTasks {
    static func wrap(_ body: WireValue, _ job: UpstreamJob) -> WireValue {
        var task = body
        task.put(.json(.string(job.token)), at: "taskUUID")
        if let keep = job.keep {
            // A minute is the least it takes; whatever the customer wants, we need time to fetch it.
            task.put(.json(.integer(max(3600, keep.components.seconds))), at: "ttl")
        }
        return .array([task])
    }

    private static func post(_ task: JSONValue, _ settings: ProviderSettings) -> OutgoingRequest {
        .json(
            .post, settings.baseURL + "/v1", headers: Provider.runware.headers(settings),
            body: JSONValue.array([task]).bytes)
    }

    static func look(_ handle: UpstreamHandle, _ settings: ProviderSettings) -> OutgoingRequest {
        post(["taskType": "getResponse", "taskUUID": .string(handle.id)], settings)
    }

    /// What an answer says of one task: of the first of its results.
    private struct News {
        var data: JSONValue?
        var error: JSONValue?

        init(_ answer: Answer, of uuid: String) {
            let same: (JSONValue) -> Bool = { $0["taskUUID"]?.string?.lowercased() == uuid.lowercased() }
            let items = answer["data"]?.array ?? [answer["data"]].compactMap { $0 }
            let found = items.filter(same)
            // Later looks tell of all results again; one that has its files wins over one that has not.
            data = found.first { $0["outputs"]?.object != nil } ?? found.first
            let errors =
                (answer["errors"]?.array ?? []) + [answer["error"]].compactMap { $0?.object == nil ? nil : $0 }
            // An error without a task is about the whole call, and only ours was in it.
            error = errors.first(where: same) ?? errors.first { $0["taskUUID"]?.string == nil }
            if let state = data?["status"]?.string, state.lowercased() == "error" {
                error = data?["error"] ?? data
                data = nil
            }
        }
    }

    static func readSubmission(_ answer: Answer, _ job: UpstreamJob) -> SubmitAnswer {
        let handle = UpstreamHandle(id: job.token)
        let news = News(answer, of: job.token)
        if let error = news.error, news.data == nil {
            // The first submit had arrived after all.
            if Complaint(error, headers: [:]).codes.contains(where: { $0.lowercased() == "conflicttaskuuid" }) {
                return .accepted(handle)
            }
            var fault = answer.fault(error, status: answer.status, otherwise: .invalidInput(nil))
            if fault.kind == .notFound { fault = fault.becoming(.serverError) }
            return .refused(fault)
        }
        if let refusal = answer.provider.refusal(of: answer) { return refusal }
        guard let data = news.data else {
            return .unknown(answer.garbled("Runware answered without our task"))
        }
        if let result = result(data, answer) { return .done(handle, result) }
        return .accepted(handle)
    }

    static func readLook(_ answer: Answer, _ handle: UpstreamHandle, _ age: Duration) -> LookAnswer {
        let news = News(answer, of: handle.id)
        if let error = news.error, news.data == nil { return readError(error, answer, age) }
        if let trouble = answer.provider.trouble(with: answer, age: age) { return trouble }
        guard let data = news.data else { return .noNews(answer.garbled("Runware answered without our task")) }
        if let result = result(data, answer) { return .done(result) }
        let word = data["status"]?.string ?? "accepted"
        if answer.provider.states[word.uppercased()] == .done {
            return .noNews(answer.fault(.garbled, "Runware says \(word.prefix(40)) and gives no file"))
        }
        return .running(percent: answer.provider.percent(data["progress"]), status: String(word.prefix(40)))
    }

    /// An error may be about the call or about the job: what only a job can have is the job's.
    private static func readError(_ error: JSONValue, _ answer: Answer, _ age: Duration) -> LookAnswer {
        let fault = answer.fault(error, status: max(answer.status, 200), otherwise: .generationFailed)
        let isTheJobs = error["taskUUID"]?.string != nil || answer["data"]?.array?.isEmpty == false
        switch fault.kind {
        case .credentials, .outOfBalance: return .noNews(fault)
        case .busy, .serverError, .unreachable, .garbled:
            return isTheJobs && answer.isSuccess && fault.kind != .garbled
                && error["taskType"]?.string != "getResponse" && !isRateLimit(error)
                ? .failed(fault.asFailure) : .noNews(fault)
        case .notFound: return age < .seconds(60) ? .noNews(fault) : .gone(fault)
        case .generationFailed, .content, .badPicture, .canceled: return .failed(fault)
        case .invalidInput: return isTheJobs ? .failed(fault) : .noNews(fault)
        }
    }

    private static func isRateLimit(_ error: JSONValue) -> Bool {
        error["code"]?.string?.lowercased().utf8.contains("ratelimit".utf8) ?? false
    }

    private static func result(_ data: JSONValue, _ answer: Answer) -> UpstreamResult? {
        let files = data["outputs"]?["files"]?.array ?? []
        let texts = files.compactMap { $0["url"]?.string } + [data["modelURL"]?.string].compactMap { $0 }
        return answer.model(among: texts).map {
            UpstreamResult(model: $0, costMicrodollars: data["cost"]?.microdollars, seed: data["seed"]?.integer)
        }
    }

    /// The bare task, one for each result; wrapped in some accounts.
    static func readCallback(_ answer: Answer) -> CallbackHint? {
        let task = answer["data"]?[0] ?? answer["errors"]?[0] ?? answer.json
        return task?["taskUUID"]?.string.flatMap { $0.utf8.count <= 64 ? CallbackHint(upstreamID: $0) : nil }
    }

    static func askBalance(_ token: String, _ settings: ProviderSettings) -> OutgoingRequest {
        post(
            ["taskType": "accountManagement", "taskUUID": .string(token), "operation": "getDetails"], settings)
    }

    static func readBalance(_ answer: Answer) -> Balance? {
        let balance = answer["data"]?[0]?["balance"]
        guard let amount = balance?.plain ?? balance?["amount"]?.plain else { return nil }
        return Balance(amount: amount, unit: String((balance?["currency"]?.string ?? "USD").prefix(10)))
    }
}
