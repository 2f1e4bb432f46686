import Domain
import HTTP
import JSON

extension Provider {
    /// fal.ai, its queue: submit, look at the status, then fetch the result. The addresses for that are the ones its
    /// answer gives.
    static let fal: Provider = Provider(
        id: "fal",
        name: "fal.ai",
        baseURL: "https://queue.fal.run",
        authentication: .header("Authorization", prefix: "Key "),
        picture: .addressOrData(address: "image_url", data: "image_url"),
        rows: Row.pictures + [
            .send(.resolution, as: "resolution", .choice(512, 1024, 1536)),
            .pipeline,
            .unsupported(.maxTokens, because: "there is no such field"),
            .unsupported(.preprocessImage, because: "the background is always removed when needed"),
            .send(.seed, as: "seed", .integer(0...2_147_483_647), theirs: "random"),
            .stages,
            .send(.ssSteps, as: "ss_sampling_steps", .integer(1...50)),
            .send(.ssGuidance, as: "ss_guidance_strength", .number(0...10)),
            .send(.ssGuidanceRescale, as: "ss_guidance_rescale", .number(0...1)),
            .send(.ssRescaleT, as: "ss_rescale_t", .number(1...6)),
            .send(.ssIntervalStart, as: "ss_guidance_interval_start", .number(0...1), when: .whenUnusual),
            .send(.ssIntervalEnd, as: "ss_guidance_interval_end", .number(0...1), when: .whenUnusual),
            .send(.shapeSteps, as: "shape_slat_sampling_steps", .integer(1...50)),
            .send(.shapeGuidance, as: "shape_slat_guidance_strength", .number(0...10)),
            .send(.shapeGuidanceRescale, as: "shape_slat_guidance_rescale", .number(0...1)),
            .send(.shapeRescaleT, as: "shape_slat_rescale_t", .number(1...6)),
            .send(.shapeIntervalStart, as: "shape_slat_guidance_interval_start", .number(0...1), when: .whenUnusual),
            .send(.shapeIntervalEnd, as: "shape_slat_guidance_interval_end", .number(0...1), when: .whenUnusual),
            .send(.texSteps, as: "tex_slat_sampling_steps", .integer(1...50)),
            .send(.texGuidance, as: "tex_slat_guidance_strength", .number(0...10)),
            .send(.texGuidanceRescale, as: "tex_slat_guidance_rescale", .number(0...1)),
            .send(.texRescaleT, as: "tex_slat_rescale_t", .number(1...6)),
            .send(.texIntervalStart, as: "tex_slat_guidance_interval_start", .number(0...1), when: .whenUnusual),
            .send(.texIntervalEnd, as: "tex_slat_guidance_interval_end", .number(0...1), when: .whenUnusual),
            .send(.decimationTarget, as: "decimation_target", .integer(5_000...2_000_000), theirs: "500000"),
            .stripped,
            .send(.textureSize, as: "texture_size", .choice(1024, 2048, 4096)),
            .send(.remesh, as: "remesh", .flag),
            .send(.remeshBand, as: "remesh_band", .number(0...4)),
            .send(.remeshProject, as: "remesh_project", .number(0...1)),
            .send(.uvAngle, as: "uv_unwrap_angle_threshold_deg", .number(1...180), when: .whenUnusual),
            .send(.uvRefine, as: "uv_unwrap_refine_iterations", .integer(0...10), when: .whenUnusual),
            .send(.uvGlobal, as: "uv_unwrap_global_iterations", .integer(0...10), when: .whenUnusual),
            .send(.uvSmooth, as: "uv_unwrap_smooth_strength", .number(0...10), when: .whenUnusual),
            .rendered,
            .oneResult,
        ],
        submitPath: "/fal-ai/trellis-2",
        idFields: ["request_id"],
        lookPath: "/fal-ai/trellis-2/requests/{id}/status",
        states: ["IN_QUEUE": .waiting, "IN_PROGRESS": .running, "COMPLETED": .done],
        faults: [
            .words(
                "image_load_error", "file_download_error", "image_too_small", "image_too_large", "file_too_large",
                "unsupported_image_format", "face_detection_error", mean: .badPicture),
            .words("content_policy_violation", "no_media_generated", mean: .content),
            // A locked account is answered like a bad key; only the sentence tells.
            .saying("exhausted balance", mean: .outOfBalance),
            .words("client_cancelled", "client_disconnected", mean: .canceled),
            .words("concurrent_requests_limit", mean: .busy(retryAfter: nil)),
            .beginning("runner_", "startup_", "downstream_service_", "internal_", mean: .serverError),
            .words("request_timeout", "generation_timeout", mean: .serverError),
        ],
        callback: .query("fal_webhook"),
        prices: .microdollars([512: 250_000, 1024: 300_000, 1536: 350_000], isEstimate: true),
        durations: TypicalDurations(textured: [512: 20, 1024: 40, 1536: 100]),
        limits: CallLimits(concurrency: 20),
        // The request's record goes after an hour; the file stays a week.
        keepsResults: .seconds(3600),
        odd: OddParts(
            headers: FalQueue.lifecycle, readSubmission: FalQueue.readSubmission, look: FalQueue.look,
            readLook: FalQueue.readLook, readResult: FalQueue.readResult, cancel: FalQueue.cancel,
            reconcile: FalRequestList.ask, readReconciliation: FalRequestList.read,
            readCallback: FalQueue.readCallback, proof: FalSignature.proof))
}

/// What is odd about fal's queue: addresses given with the answer, a result apart from the status, and failures that
/// are told as completions.
enum FalQueue {
    /// How long fal's CDN keeps the files of this request.
    static func lifecycle(_ job: UpstreamJob) -> Headers {
        guard let keep = job.keep else { return [:] }
        // Whatever the customer wants, we need time to fetch it.
        let seconds = max(3600, keep.components.seconds)
        return ["X-Fal-Object-Lifecycle-Preference": "{\"expiration_duration_seconds\":\(seconds)}"]
    }

    static func readSubmission(_ answer: Answer, _ job: UpstreamJob) -> SubmitAnswer {
        if let refusal = answer.provider.refusal(of: answer) { return refusal }
        guard let id = answer.id(in: answer.provider.idFields) else {
            return .unknown(answer.garbled("fal.ai took the request and gave no request_id"))
        }
        var addresses: [String: String] = [:]
        for name in ["status_url", "response_url", "cancel_url"] {
            if let url = trusted(answer[name]?.string, answer.settings) { addresses[name] = url }
        }
        return .accepted(
            UpstreamHandle(id: id, addresses: addresses), position: answer["queue_position"]?.count)
    }

    /// An address that may be shown our key: below the configured base, or at fal itself. A reply that names another
    /// host is not followed there.
    private static func trusted(_ url: String?, _ settings: ProviderSettings) -> String? {
        guard let url, url.utf8.count <= 2048, url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return nil }
        if url.hasPrefix(settings.baseURL + "/") { return url }
        return url.hasPrefix("https://queue.fal.run/") && settings.baseURL.hasSuffix(".fal.run") ? url : nil
    }

    private static func address(_ name: String, _ end: String, _ handle: UpstreamHandle, _ settings: ProviderSettings)
        -> String
    {
        if let given = trusted(handle.addresses[name], settings) { return given }
        return settings.baseURL + "/fal-ai/trellis-2/requests/" + PercentCoding.encode(handle.id) + end
    }

    static func look(_ handle: UpstreamHandle, _ settings: ProviderSettings) -> OutgoingRequest {
        OutgoingRequest(
            .get, address("status_url", "/status", handle, settings), headers: Provider.fal.headers(settings))
    }

    static func cancel(_ handle: UpstreamHandle, _ settings: ProviderSettings) -> OutgoingRequest {
        OutgoingRequest(
            .put, address("cancel_url", "/cancel", handle, settings), headers: Provider.fal.headers(settings))
    }

    static func readLook(_ answer: Answer, _ handle: UpstreamHandle, _ age: Duration) -> LookAnswer {
        let fal = answer.provider
        if let trouble = fal.trouble(with: answer, age: age) { return trouble }
        guard let word = answer["status"]?.string else { return .noNews(answer.garbled("fal.ai told no status")) }
        let shown = String(word.prefix(40))
        switch fal.states[word.uppercased()] ?? .running {
        case .waiting: return .waiting(position: answer["queue_position"]?.count, status: shown)
        case .running, .failed: return .running(percent: nil, status: shown)
        case .done:
            // The status tells that it failed, and by its type how; the result tells more, but only for an hour.
            if answer["error_type"]?.string != nil {
                return .failed(answer.fault(answer.json, status: 200, otherwise: .generationFailed).asFailure)
            }
            return .fetch(
                OutgoingRequest(
                    .get, address("response_url", "", handle, answer.settings), headers: fal.headers(answer.settings)))
        }
    }

    /// The model's own answer, whatever its status: a model that failed answers 4xx or 5xx with its error in the
    /// shape of the model; fal's front answers in other ways, and that is no news.
    static func readResult(_ answer: Answer, _ handle: UpstreamHandle, _ age: Duration) -> LookAnswer {
        let file = answer["model_glb"] ?? answer["model_mesh"]
        if answer.isSuccess {
            if let model = answer.model(file?["url"]?.string ?? file?.string) {
                return .done(UpstreamResult(model: model))
            }
            return .noNews(answer.garbled("fal.ai gave no model_glb"))
        }
        let fault = answer.refusal
        let isTold =
            answer["detail"]?.array?.isEmpty == false || answer["error_type"]?.string != nil
            || answer.reply.headers["X-Fal-Error-Type"] != nil
        if answer.status == 400 || answer.status == 425, says("still in progress", answer) { return .noNews(fault) }
        switch answer.status {
        case 401, 403, 402, 429: return .noNews(fault)
        case 404, 410: return age < .seconds(60) ? .noNews(fault) : .gone(fault)
        case 400..<500: return .failed(fault.asFailure)
        default: return isTold ? .failed(fault.asFailure) : .noNews(fault)
        }
    }

    private static func says(_ words: String, _ answer: Answer) -> Bool {
        answer.reply.text.lowercased().utf8.contains(words.utf8)
    }

    static func readCallback(_ answer: Answer) -> CallbackHint? {
        answer.id(in: ["request_id"]).map { CallbackHint(upstreamID: $0) }
    }
}
