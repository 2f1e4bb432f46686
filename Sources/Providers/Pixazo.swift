import Domain
import HTTP
import JSON

extension Provider {
    /// Pixazo. Pictures only by address, no seed, and whole numbers where others take fractions. Its page gives no
    /// ranges; its schema is fal's with fields left out, so fal's ranges are assumed.
    static let pixazo: Provider = Provider(
        id: "pixazo",
        name: "Pixazo",
        baseURL: "https://gateway.pixazo.ai",
        authentication: .header("Ocp-Apim-Subscription-Key", prefix: ""),
        picture: .addressOnly(field: "image_url"),
        rows: Row.pictures + [
            .send(.resolution, as: "resolution", .choice(512, 1024, 1536)),
            .pipeline,
            .unsupported(.maxTokens, because: noField),
            .unsupported(.preprocessImage, because: "the background is always removed when needed"),
            Row(parameter: .seed, rule: .fixed(nil, because: "it takes no seed, so its models cannot be repeated")),
            .stages,
            .send(.ssSteps, as: "ss_sampling_steps", .integer(1...50)),
            .send(.ssGuidance, as: "ss_guidance_strength", .number(0...10)),
            .send(.ssGuidanceRescale, as: "ss_guidance_rescale", .number(0...1)),
            .send(.ssRescaleT, as: "ss_rescale_t", .whole(1...6)),
            .unsupported(.ssIntervalStart, because: noField),
            .unsupported(.ssIntervalEnd, because: noField),
            .send(.shapeSteps, as: "shape_slat_sampling_steps", .integer(1...50)),
            .send(.shapeGuidance, as: "shape_slat_guidance_strength", .number(0...10)),
            .send(.shapeGuidanceRescale, as: "shape_slat_guidance_rescale", .number(0...1)),
            .send(.shapeRescaleT, as: "shape_slat_rescale_t", .whole(1...6)),
            .unsupported(.shapeIntervalStart, because: noField),
            .unsupported(.shapeIntervalEnd, because: noField),
            .send(.texSteps, as: "tex_slat_sampling_steps", .integer(1...50)),
            .send(.texGuidance, as: "tex_slat_guidance_strength", .number(0...10)),
            .unsupported(.texGuidanceRescale, because: noField),
            .send(.texRescaleT, as: "tex_slat_rescale_t", .whole(1...6)),
            .unsupported(.texIntervalStart, because: noField),
            .unsupported(.texIntervalEnd, because: noField),
            .send(.decimationTarget, as: "decimation_target", .integer(5_000...2_000_000), theirs: "500000"),
            .stripped,
            .send(.textureSize, as: "texture_size", .choice(1024, 2048, 4096)),
            .send(.remesh, as: "remesh", .flag),
            .send(.remeshBand, as: "remesh_band", .whole(0...4)),
            .unsupported(.remeshProject, because: noField),
            .unsupported(.uvAngle, because: noField),
            .unsupported(.uvRefine, because: noField),
            .unsupported(.uvGlobal, because: noField),
            .unsupported(.uvSmooth, because: noField),
            .rendered,
            .oneResult,
        ],
        submitPath: "/trellis-2-image-to-3d/v1/trellis-2-image-to-3d-request",
        idFields: ["request_id", "id", "task_id"],
        // Its `polling_url` may name another host; the key goes only to this one.
        lookPath: "/v2/requests/status/{id}",
        states: ["QUEUED": .waiting, "PROCESSING": .running, "COMPLETED": .done, "FAILED": .failed, "ERROR": .failed],
        faults: [
            .containing("insufficient balance", mean: .outOfBalance),
            // Azure's gateway in front of it says so with the 403 that it also gives to bad keys.
            .saying("out of call volume quota", mean: .outOfBalance),
            // The model is switched off there: nothing is wrong with the request.
            .containing("model not found", mean: .serverError),
        ],
        callback: .header("X-Webhook-URL"),
        prices: .microdollars([512: 350_000, 1024: 350_000, 1536: 350_000]),
        durations: TypicalDurations(textured: [512: 20, 1024: 40, 1536: 100]),
        limits: CallLimits(concurrency: 5),
        keepsResults: nil,
        odd: OddParts(
            headers: { _ in ["Cache-Control": "no-cache"] },
            result: { answer in
                let output = answer["output"]
                let media = output?["media_url"] ?? output
                let texts = (media?.array ?? []).compactMap(\.string) + [media?.string].compactMap { $0 }
                return answer.model(among: texts).map { UpstreamResult(model: $0) }
            }))

    private static let noField = "it has no such field"
}
