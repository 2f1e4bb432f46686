import Domain
import HTTP
import JSON

extension Provider {
    /// EmpirioLabs. Takes everything there is; some of its defaults are its own, so all of ours are sent.
    static let empirioLabs: Provider = Provider(
        id: "empiriolabs",
        name: "EmpirioLabs",
        baseURL: "https://api.empiriolabs.ai",
        authentication: .bearer,
        picture: .addressOrData(address: "image_url", data: "image"),
        rows: Row.pictures + [
            .send(.resolution, as: "resolution", .text(512, 1024, 1536)),
            .send(.pipelineType, as: "pipeline_type", .words("512", "1024_cascade", "1536_cascade")),
            .send(.maxTokens, as: "max_num_tokens", .integer(1024...131_072)),
            .send(.preprocessImage, as: "preprocess_image", .flag),
            .send(.seed, as: "seed", .integer(0...2_147_483_647), theirs: "42"),
            .stages,
            .send(.ssSteps, as: "ss_sampling_steps", .integer(1...64)),
            .send(.ssGuidance, as: "ss_guidance_strength", .number(0...20)),
            .send(.ssGuidanceRescale, as: "ss_guidance_rescale", .number(0...2)),
            .send(.ssRescaleT, as: "ss_rescale_t", .number(0...20)),
            .send(.ssIntervalStart, as: "ss_guidance_interval_start", .number(0...1)),
            .send(.ssIntervalEnd, as: "ss_guidance_interval_end", .number(0...1)),
            .send(.shapeSteps, as: "shape_slat_sampling_steps", .integer(1...64)),
            .send(.shapeGuidance, as: "shape_slat_guidance_strength", .number(0...20)),
            .send(.shapeGuidanceRescale, as: "shape_slat_guidance_rescale", .number(0...2)),
            .send(.shapeRescaleT, as: "shape_slat_rescale_t", .number(0...20)),
            .send(.shapeIntervalStart, as: "shape_slat_guidance_interval_start", .number(0...1)),
            .send(.shapeIntervalEnd, as: "shape_slat_guidance_interval_end", .number(0...1)),
            .send(.texSteps, as: "tex_slat_sampling_steps", .integer(1...64)),
            .send(.texGuidance, as: "tex_slat_guidance_strength", .number(0...20)),
            .send(.texGuidanceRescale, as: "tex_slat_guidance_rescale", .number(0...2)),
            .send(.texRescaleT, as: "tex_slat_rescale_t", .number(0...20)),
            .send(.texIntervalStart, as: "tex_slat_guidance_interval_start", .number(0...1)),
            .send(.texIntervalEnd, as: "tex_slat_guidance_interval_end", .number(0...1)),
            .send(.decimationTarget, as: "decimation_target", .integer(10_000...1_000_000), theirs: "500000"),
            .stripped,
            .send(.textureSize, as: "texture_size", .text(1024, 2048, 4096)),
            .send(.remesh, as: "remesh", .flag),
            .send(.remeshBand, as: "remesh_band", .number(0...5)),
            .send(.remeshProject, as: "remesh_project", .number(0...1), theirs: "0.9"),
            .send(.uvAngle, as: "uv_unwrap_angle_threshold_deg", .number(1...180)),
            .send(.uvRefine, as: "uv_unwrap_refine_iterations", .integer(0...10)),
            .send(.uvGlobal, as: "uv_unwrap_global_iterations", .integer(0...10)),
            .send(.uvSmooth, as: "uv_unwrap_smooth_strength", .number(0...10)),
            .rendered,
            .oneResult,
        ],
        constants: [Constant("model", "trellis-2-4b"), Constant("response_format", "url")],
        submitPath: "/v1/3d/generations",
        idFields: ["job_id", "id"],
        // Its `poll_url` is this path, now and then relative.
        lookPath: "/v1/jobs/{id}",
        // The words are unpublished; these are the ones its kind of API uses.
        states: [
            "QUEUED": .waiting, "PENDING": .waiting,
            "COMPLETED": .done, "SUCCEEDED": .done, "SUCCESS": .done, "DONE": .done, "FINISHED": .done,
            "FAILED": .failed, "ERROR": .failed, "CANCELED": .failed, "CANCELLED": .failed, "EXPIRED": .failed,
        ],
        fullProgress: 1,
        faults: [
            .words("authentication_error", "invalid_api_key", mean: .credentials),
            .words("insufficient_quota", "insufficient_balance", mean: .outOfBalance),
            .words("rate_limit_error", "rate_limit_exceeded", mean: .busy(retryAfter: nil)),
            .words("content_policy_violation", mean: .content),
            .words("invalid_image", mean: .badPicture),
            .words("invalid_request_error", mean: .invalidInput(nil)),
            .words("server_error", "api_error", mean: .serverError),
        ],
        prices: .microdollars([512: 25_000, 1024: 249_000, 1536: 499_000]),
        durations: TypicalDurations(textured: [512: 20, 1024: 40, 1536: 100]),
        // A result in base64 is not asked for, but may come: room for a GLB of 12 MB.
        limits: CallLimits(concurrency: 5, requestsPerMinute: 50, replyBytes: 16 << 20),
        // The job is forgotten after an hour, the file after a week.
        keepsResults: .seconds(3600),
        odd: OddParts(result: { answer in
            let result = answer["result"] ?? answer.json
            let lists = ["data", "output", "outputs"].compactMap { result?[$0]?.array }.joined()
            let places = Array(lists) + [result].compactMap { $0 }
            let texts = places.flatMap { place in
                ["url", "glb_url", "model_url", "b64_json"].compactMap { place[$0]?.string }
                    + [place.string].compactMap { $0 }
            }
            return answer.model(among: texts).map { UpstreamResult(model: $0) }
        }))
}
