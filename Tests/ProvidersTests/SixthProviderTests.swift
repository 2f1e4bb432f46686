import Domain
import HTTP
import JSON
import Testing

@testable import Providers

/// A provider that exists nowhere, added by the steps of docs/adding-a-provider.md: one value, one line, fixtures.
/// Everything that a real one gets, it gets from the table.
extension Provider {
    static let acme: Provider = Provider(
        id: "acme",
        name: "Acme",
        baseURL: "https://api.acme.example",
        authentication: .header("X-Acme-Key", prefix: ""),
        picture: .addressOnly(field: "picture"),
        rows: Row.pictures + Row.oneForAllStages + [
            .send(.resolution, as: "grid", .choice(512, 1024)),
            .send(.seed, as: "options.seed", .integer(0...2_147_483_647)),
            .send(.steps, as: "options.steps", .integer(1...50)),
            .send(.decimationTarget, as: "faces", .integer(1000...1_000_000)),
            .send(.textureSize, as: "texture", .text(1024, 2048)),
            .pipeline, .stripped, .rendered, .oneResult,
        ]
            + Parameter.allCases.filter { !accounted.contains($0) }.map {
                .unsupported($0, because: "it has no such field")
            },
        submitPath: "/jobs",
        idFields: ["job"],
        lookPath: "/jobs/{id}",
        states: ["NEW": .waiting, "WORKING": .running, "READY": .done, "BROKEN": .failed],
        fullProgress: 1,
        faults: [.words("bad_field", mean: .invalidInput(nil))],
        prices: .microdollars([512: 100_000, 1024: 200_000]),
        durations: TypicalDurations(textured: [512: 10, 1024: 20]),
        limits: CallLimits(concurrency: 2),
        keepsResults: .seconds(60),
        odd: OddParts(result: { answer in answer.model(answer["file"]?.string).map { UpstreamResult(model: $0) } }))

    private static let accounted: Set<Parameter> = [
        .image, .imageURL, .resolution, .seed, .steps, .ssSteps, .shapeSteps, .texSteps, .decimationTarget,
        .textureSize, .pipelineType, .textures, .generateThumbnail, .numberResults,
    ]
}

@Suite struct SixthProviderTests {
    @Test func `the conformance suite names what is missing`() {
        let missing = Conformance.missing(.acme, fixtures: ["accepted", "done"])
        #expect(missing.contains("acme has no fixture rejected: add Fixtures/acme/rejected.http"))
        #expect(missing.contains("acme has no fixture gone: add Fixtures/acme/gone.http"))
        #expect(!missing.contains { $0.contains("fixture done:") })
    }

    @Test func `with its fixtures it conforms like any other`() throws {
        #expect(Conformance.missing(.acme, fixtures: Fixture.names(.acme)).isEmpty)
        #expect(try Conformance.problems(.acme).isEmpty)
    }

    @Test func `its table alone decides what fits`() {
        var request = GenerationRequest(picture: .url("https://example.com/a.png"))
        #expect(Provider.acme.fit(request, pictures: PictureDelivery(canHost: false)) == .asIs)
        request.parameters.given = [.resolution: .integer(1536), .remesh: .flag(false)]
        let fit = Provider.acme.fit(request, pictures: PictureDelivery(canHost: false))
        #expect(Set(fit.obstacles.map(\.parameter)) == [.resolution, .remesh])
    }
}
