import Domain
import Providers
import Testing

/// The rules of one meaning for every parameter, a case each.
@Suite struct FitTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let provider: ProviderID
        let given: [Parameter: ParameterValue]
        /// The parameter in the way; nil when it fits.
        let obstacle: Parameter?
        /// What adjusting makes of it; nil when it need not, or cannot.
        let nearest: ParameterValue?

        init(
            _ provider: ProviderID, _ given: [Parameter: ParameterValue], _ obstacle: Parameter? = nil,
            becomes nearest: ParameterValue? = nil
        ) {
            self.provider = provider
            self.given = given
            self.obstacle = obstacle
            self.nearest = nearest
        }

        var testDescription: String {
            "\(provider) \(given.map { "\($0.key.rawValue)=\($0.value)" }.sorted().joined(separator: " "))"
        }
    }

    static let cases: [Case] = [
        // One number of steps at 3D AI Studio.
        Case("3daistudio", [.steps: .integer(20)]),
        Case("3daistudio", [.ssSteps: .integer(20), .shapeSteps: .integer(20), .texSteps: .integer(20)]),
        Case("3daistudio", [.ssSteps: .integer(20)], .ssSteps, becomes: .integer(20)),
        Case("3daistudio", [.steps: .integer(20), .texSteps: .integer(12)], .texSteps, becomes: .integer(20)),
        Case(
            "3daistudio", [.ssSteps: .integer(64), .shapeSteps: .integer(64), .texSteps: .integer(64)], .ssSteps,
            becomes: .integer(50)),
        Case("fal", [.ssSteps: .integer(20)]),
        Case("fal", [.ssSteps: .integer(51)], .ssSteps, becomes: .integer(50)),
        Case("empiriolabs", [.ssSteps: .integer(64)]),
        // Guidance below 1 keeps Runware out, above 10 all but EmpirioLabs.
        Case("runware", [.texGuidance: .number(0.5)], .texGuidance, becomes: .number(1)),
        Case("runware", [.texGuidance: .number(1)]),
        Case("fal", [.texGuidance: .number(0)]),
        Case("fal", [.ssGuidance: .number(10.5)], .ssGuidance, becomes: .number(10)),
        Case("pixazo", [.ssGuidance: .number(10.5)], .ssGuidance, becomes: .number(10)),
        Case("empiriolabs", [.ssGuidance: .number(20)]),
        Case("3daistudio", [.ssGuidance: .number(7.5)]),
        Case("3daistudio", [.ssGuidance: .number(8)], .ssGuidance, becomes: .number(7.5)),
        // Whole numbers only at Pixazo.
        Case("pixazo", [.ssRescaleT: .number(4)]),
        Case("pixazo", [.ssRescaleT: .number(4.5)], .ssRescaleT, becomes: .number(5)),
        Case("pixazo", [.remeshBand: .number(1.2)], .remeshBand, becomes: .number(1)),
        Case("fal", [.ssRescaleT: .number(4.5)]),
        Case("fal", [.ssRescaleT: .number(0.5)], .ssRescaleT, becomes: .number(1)),
        // No seed, no rescale of the texture stage, no projection at Pixazo.
        Case("pixazo", [.seed: .integer(7)], .seed),
        Case("pixazo", [.texGuidanceRescale: .number(0)]),
        Case("pixazo", [.texGuidanceRescale: .number(0.5)], .texGuidanceRescale, becomes: .number(0)),
        Case("pixazo", [.remeshProject: .number(0)]),
        Case("runware", [.remeshProject: .number(0.9)], .remeshProject, becomes: .number(0)),
        // 3D AI Studio always remeshes.
        Case("3daistudio", [.remesh: .flag(true)]),
        Case("3daistudio", [.remesh: .flag(false)], .remesh, becomes: .flag(true)),
        Case("fal", [.remesh: .flag(false)]),
        // Faces: each has its own range.
        Case("3daistudio", [.decimationTarget: .integer(16_000_000)]),
        Case("fal", [.decimationTarget: .integer(16_000_000)], .decimationTarget, becomes: .integer(2_000_000)),
        Case("fal", [.decimationTarget: .integer(5_000)]),
        Case("runware", [.decimationTarget: .integer(99_999)], .decimationTarget, becomes: .integer(100_000)),
        Case("empiriolabs", [.decimationTarget: .integer(9_999)], .decimationTarget, becomes: .integer(10_000)),
        // A texture size means nothing without textures, and 3072 has no price.
        Case("fal", [.textures: .flag(false), .textureSize: .integer(4096)]),
        Case("runware", [.textures: .flag(true), .textureSize: .integer(3072)], .textureSize, becomes: .integer(2048)),
        // The pipeline must be the resolution's, and then says nothing new.
        Case("empiriolabs", [.pipelineType: .word("1024_cascade")]),
        Case("empiriolabs", [.pipelineType: .word("512")], .pipelineType, becomes: .word("1024_cascade")),
        Case("fal", [.pipelineType: .word("1536_cascade"), .resolution: .integer(1536)]),
        Case("fal", [.pipelineType: .word("1536_cascade")], .pipelineType, becomes: .word("1024_cascade")),
        Case("fal", [.maxTokens: .integer(49_152)]),
        Case("fal", [.maxTokens: .integer(65_536)], .maxTokens, becomes: .integer(49_152)),
        Case("fal", [.texIntervalStart: .number(0.95)], .texIntervalEnd),
        // What the gateway does itself keeps nobody out.
        Case("pixazo", [.generateThumbnail: .flag(true), .numberResults: .integer(4), .textures: .flag(false)]),
    ]

    private func request(_ given: [Parameter: ParameterValue], _ rule: GenerationRequest.OnUnsupported)
        -> GenerationRequest
    {
        GenerationRequest(
            picture: .url("https://example.com/a.png"), parameters: Parameters(given), onUnsupported: rule)
    }

    @Test(arguments: cases) func `a value fits, or is refused by its name`(each: Case) throws {
        let provider = try #require(Provider[each.provider])
        let fit = provider.fit(request(each.given, .refuse), pictures: PictureDelivery(canHost: false))
        guard let obstacle = each.obstacle else {
            #expect(fit == .asIs)
            return
        }
        #expect(fit.obstacles.map(\.parameter) == [obstacle])
        let reason = try #require(fit.obstacles.first).reason
        #expect(reason.contains(obstacle.rawValue) || reason.contains("steps"))
    }

    @Test(arguments: cases.filter { $0.nearest != nil }) func `a value is bent to the nearest, and that is said`(
        each: Case
    ) throws {
        let provider = try #require(Provider[each.provider])
        let fit = provider.fit(request(each.given, .adjust), pictures: PictureDelivery(canHost: false))
        guard case .adjusted(let adjustments, let parameters) = fit else {
            Issue.record("not adjusted: \(fit)")
            return
        }
        let obstacle = try #require(each.obstacle)
        #expect(parameters[obstacle] == each.nearest)
        #expect(!adjustments.isEmpty)
        for adjustment in adjustments {
            let parameter = try #require(Parameter(rawValue: adjustment.parameter))
            #expect(adjustment.to == parameters[parameter].map { "\($0)" })
            #expect(adjustment.from == Parameters(each.given)[parameter].map { "\($0)" })
        }
        #expect(
            provider.fit(request(parameters.given, .refuse), pictures: PictureDelivery(canHost: false)) == .asIs)
    }

    @Test func `a seed that cannot be honoured is left out and told`() throws {
        let provider = try #require(Provider["pixazo"])
        let fit = provider.fit(request([.seed: .integer(7)], .adjust), pictures: PictureDelivery(canHost: true))
        let adjustment = try #require(fit.adjustments.first)
        #expect(adjustment.parameter == "seed" && adjustment.from == "7" && adjustment.to == nil)
        #expect(adjustment.reason.contains("no seed"))
    }

    @Test func `every obstacle is named, not only the first`() throws {
        let provider = try #require(Provider["runware"])
        let fit = provider.fit(
            request([.ssGuidance: .number(0), .remeshBand: .number(2), .decimationTarget: .integer(1000)], .refuse),
            pictures: PictureDelivery(canHost: false))
        #expect(Set(fit.obstacles.map(\.parameter)) == [.ssGuidance, .remeshBand, .decimationTarget])
    }

    @Test func `who takes pictures only by address needs us to have one`() throws {
        let pixazo = try #require(Provider["pixazo"])
        let fal = try #require(Provider["fal"])
        let picture = KeptPicture(sha256: "00", format: .png, byteCount: 8, width: 1, height: 1)
        var request = GenerationRequest(picture: .kept(picture))
        for rule in [GenerationRequest.OnUnsupported.refuse, .adjust] {
            request.onUnsupported = rule
            let fit = pixazo.fit(request, pictures: PictureDelivery(canHost: false))
            #expect(fit.obstacles.map(\.parameter) == [.image])
            #expect(fit.obstacles.first?.reason.contains("public_url") == true)
            #expect(pixazo.fit(request, pictures: PictureDelivery(canHost: true)) == .asIs)
            #expect(fal.fit(request, pictures: PictureDelivery(canHost: false)) == .asIs)
        }
    }
}
