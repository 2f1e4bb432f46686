import Domain
import HTTP
import JSON

extension Provider {
    /// 3D AI Studio, whose way of speaking is also the gateway's own.
    static let threeDAIStudio: Provider = Provider(
        id: "3daistudio",
        name: "3D AI Studio",
        baseURL: "https://api.3daistudio.com",
        authentication: .bearer,
        picture: .addressOrData(address: "image_url", data: "image"),
        rows: Row.pictures + Row.oneForAllStages + [
            .send(.resolution, as: "resolution", .text(512, 1024, 1536)),
            .pipeline,
            .unsupported(.maxTokens, because: noField),
            .unsupported(.preprocessImage, because: "the background is always removed when needed"),
            .send(.seed, as: "seed", .integer(0...2_147_483_647), theirs: "random"),
            .send(.steps, as: "steps", .integer(1...50)),
            .unsupported(.ssGuidance, because: noField),
            .unsupported(.ssGuidanceRescale, because: noField),
            .unsupported(.ssRescaleT, because: noField),
            .unsupported(.ssIntervalStart, because: noField),
            .unsupported(.ssIntervalEnd, because: noField),
            .unsupported(.shapeGuidance, because: noField),
            .unsupported(.shapeGuidanceRescale, because: noField),
            .unsupported(.shapeRescaleT, because: noField),
            .unsupported(.shapeIntervalStart, because: noField),
            .unsupported(.shapeIntervalEnd, because: noField),
            .unsupported(.texGuidance, because: noField),
            .unsupported(.texGuidanceRescale, because: noField),
            .unsupported(.texRescaleT, because: noField),
            .unsupported(.texIntervalStart, because: noField),
            .unsupported(.texIntervalEnd, because: noField),
            .send(.decimationTarget, as: "decimation_target", .integer(1_000...16_000_000)),
            .send(.textures, as: "textures", .flag),
            .send(.textureSize, as: "texture_size", .choice(1024, 2048, 4096)),
            .unsupported(.remesh, because: "it always remeshes"),
            .unsupported(.remeshBand, because: noField),
            .unsupported(.remeshProject, because: noField),
            .unsupported(.uvAngle, because: noField),
            .unsupported(.uvRefine, because: noField),
            .unsupported(.uvGlobal, because: noField),
            .unsupported(.uvSmooth, because: noField),
            .send(.generateThumbnail, as: "generate_thumbnail", .flag),
            .oneResult,
        ],
        submitPath: "/v1/3d-models/trellis2/generate/",
        idFields: ["task_id", "id", "request_id", "generation_request_id"],
        lookPath: "/v1/generation-request/{id}/status/",
        states: ["PENDING": .waiting, "IN_PROGRESS": .running, "FINISHED": .done, "FAILED": .failed],
        fullProgress: 100,
        // Its errors come in lower and in upper case, under several names.
        faults: [
            .words("invalid_api_key", "api_key_expired", "api_key_revoked", mean: .credentials),
            .words("insufficient_credits", mean: .outOfBalance),
            .words("rate_limited", mean: .busy(retryAfter: nil)),
            .words("validation_failed", mean: .invalidInput(nil)),
        ],
        prices: .credits(
            [
                512: [0: 15, 1024: 25, 2048: 25, 4096: 30],
                1024: [0: 20, 1024: 30, 2048: 30, 4096: 40],
                1536: [0: 25, 1024: 40, 2048: 40, 4096: 55],
            ], thumbnail: 2),
        durations: TypicalDurations([512: (22, 50), 1024: (32, 60), 1536: (100, 200)]),
        // Three calls a minute for a key, looks included, until it is raised on request: the wallet tells.
        limits: CallLimits(concurrency: 3, requestsPerMinute: 3),
        keepsResults: .seconds(86_400),
        odd: OddParts(
            result: { answer in
                let results = (answer["results"]?.array ?? []).filter {
                    $0["asset_type"]?.string ?? "3D_MODEL" == "3D_MODEL"
                }
                for result in results {
                    guard let model = answer.model(result["asset"]?.string ?? result["asset_url"]?.string) else {
                        continue
                    }
                    return UpstreamResult(model: model, thumbnailURL: answer.address(result["thumbnail"]?.string))
                }
                return nil
            },
            balance: { _, settings in threeDAIStudio.get("/account/user/wallet/", settings) },
            readBalance: { answer in
                answer["balance"]?.plain.map {
                    Balance(amount: $0, unit: "credits", requestsPerMinute: answer["rate_limit"]?.count)
                }
            }))

    private static let noField = "it has no such field"
}
