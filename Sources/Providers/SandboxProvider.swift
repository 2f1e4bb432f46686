import Domain
import HTTP
import JSON

extension Provider {
    /// The built-in upstream, spoken to like any other; its requests stay inside the program.
    ///
    /// Its protocol, which the target `Sandbox` serves:
    ///
    ///     POST /v1/generate
    ///         {"image_url": "https://…"} or {"image": "data:image/png;base64,…"}, and
    ///         "resolution": 512 | 1024 | 1536, "textures": bool, "texture_size": 1024 | 2048 | 4096, "seed": integer,
    ///         "steps", "decimation_target", "…_sampling_steps": integer, "thumbnail": bool, "name": text (a version 4 UUID: a second
    ///         submit of the same name is answered with the first one's job), "metadata": {text: text}
    ///         (also carries the failure modes), "callback_url": text; every other canonical parameter under its own
    ///         name, sent only when it differs from the standard
    ///     → 201 {"id": text, "status": "queued"}
    ///     → 400 {"error": {"code": "validation_failed", "message": text, "param": text}}, 402
    ///         "insufficient_balance", 429 "rate_limited" (and Retry-After), 500 "server_error", 503 "unavailable"
    ///
    ///     GET /v1/jobs/{id}
    ///     → 200 {"id": text, "status": "queued" | "running" | "finished" | "failed" | "canceled",
    ///            "progress": 0…100, "seed": integer,
    ///            "model_url": text, "thumbnail_url": text | null,                       once finished
    ///            "notes": [{"param": text, "message": text}],                          once finished
    ///            "error": {"code": "generation_failed" | "bad_picture" | "content_policy", "message": text}}   once failed
    ///     → 404 {"error": {"code": "not_found", "message": text}}
    ///
    ///     PUT /v1/jobs/{id}/cancel → 202, or 409 once it has ended
    ///     GET /v1/files/{name} → the model (model/gltf-binary) or the thumbnail (image/png)
    ///     GET /v1/balance → {"balance": "0.00", "currency": "USD"}
    ///     callback: POST callback_url {"id": text, "status": text}
    package static let sandbox: Provider = Provider(
        id: .sandbox,
        name: "the sandbox",
        baseURL: "sandbox://local",
        authentication: .none,
        picture: .addressOrData(address: "image_url", data: "image"),
        rows: Row.pictures + Parameter.allCases.compactMap(SandboxJobs.row),
        submitPath: "/v1/generate",
        idFields: ["id"],
        lookPath: "/v1/jobs/{id}",
        states: [
            "QUEUED": .waiting, "RUNNING": .running, "FINISHED": .done, "FAILED": .failed, "CANCELED": .failed,
        ],
        fullProgress: 100,
        faults: [
            .words("validation_failed", mean: .invalidInput(nil)),
            .words("bad_picture", mean: .badPicture),
            .words("content_policy", mean: .content),
            .words("insufficient_balance", mean: .outOfBalance),
            .words("invalid_api_key", mean: .credentials),
            .words("rate_limited", mean: .busy(retryAfter: nil)),
            .words("server_error", "unavailable", mean: .serverError),
            .words("generation_failed", mean: .generationFailed),
            .words("not_found", mean: .notFound),
        ],
        callback: .field("callback_url"),
        resendIsSafe: true,
        prices: .microdollars([512: 0, 1024: 0, 1536: 0]),
        durations: TypicalDurations(textured: [512: 2, 1024: 2, 1536: 2]),
        limits: CallLimits(concurrency: 100),
        keepsResults: .seconds(3600),
        odd: OddParts(
            body: SandboxJobs.name, result: SandboxJobs.result,
            cancel: { handle, settings in
                OutgoingRequest(
                    .put, settings.baseURL + sandbox.path("/v1/jobs/{id}/cancel", handle),
                    headers: sandbox.headers(settings))
            },
            balance: { _, settings in sandbox.get("/v1/balance", settings) },
            readBalance: { answer in
                answer["balance"]?.plain.map { Balance(amount: $0, unit: answer["currency"]?.string ?? "USD") }
            }))
}

/// What the sandbox takes: everything, under its own name, in the widest range there is.
enum SandboxJobs {
    static func row(_ parameter: Parameter) -> Row? {
        let always: Set<Parameter> = [.resolution, .seed, .steps, .decimationTarget, .textures, .textureSize]
        let occasion: Row.Occasion = always.contains(parameter) ? .always : .whenUnusual
        let name = parameter.rawValue
        switch (parameter, parameter.kind) {
        case (.image, _), (.imageURL, _): return nil
        case (.generateThumbnail, _): return .send(parameter, as: "thumbnail", .flag)
        case (.numberResults, _): return .oneResult
        case (.pipelineType, _): return .pipeline
        case (.ssSteps, _), (.shapeSteps, _), (.texSteps, _):
            return .send(parameter, as: name, .integer(1...64))
        case (.steps, _): return .send(parameter, as: name, .integer(1...50))
        case (_, .choice(let values)):
            return .send(parameter, as: name, Accepted(form: .choice(values), theirs: nil), when: occasion)
        case (_, .integer(let range)): return .send(parameter, as: name, .integer(range), when: occasion)
        case (_, .number(let range)): return .send(parameter, as: name, .number(range), when: occasion)
        case (_, .flag): return .send(parameter, as: name, .flag, when: occasion)
        case (_, .word(let words)):
            return .send(parameter, as: name, Accepted(form: .words(words), theirs: nil), when: occasion)
        case (_, .picture): return nil
        }
    }

    /// The job's name makes a submit repeatable; the customer's pairs choose how it fails.
    static func name(_ body: WireValue, _ job: UpstreamJob) -> WireValue {
        var body = body
        body.put(.json(.string(job.token)), at: "name")
        for (name, value) in job.metadata.sorted(by: { $0.key < $1.key }) {
            body.put(.json(.string(value)), in: "metadata", at: name)
        }
        return body
    }

    static func result(_ answer: Answer) -> UpstreamResult? {
        guard let model = answer.local(answer["model_url"]?.string) else { return nil }
        let notes = (answer["notes"]?.array ?? []).prefix(16).compactMap { note -> Adjustment? in
            guard let parameter = note["param"]?.string, let message = note["message"]?.string else { return nil }
            return Adjustment(parameter: parameter, from: nil, to: nil, reason: message)
        }
        return UpstreamResult(
            model: .url(model), thumbnailURL: answer.local(answer["thumbnail_url"]?.string), costMicrodollars: 0,
            seed: answer["seed"]?.integer, notes: notes)
    }
}

extension Answer {
    /// An address below the sandbox's own, absolute or not.
    fileprivate func local(_ text: String?) -> String? {
        guard let text, text.utf8.count <= 2048 else { return nil }
        return text.hasPrefix(settings.baseURL + "/") ? text : address(text)
    }
}
