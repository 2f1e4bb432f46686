import Domain
import Providers
import Testing

@Suite struct ProviderTableTests {
    @Test(arguments: Provider.all) func `a table accounts for every parameter, once`(provider: Provider) {
        for parameter in Parameter.allCases {
            let rows = provider.rows.filter { $0.parameter == parameter }
            #expect(rows.count == 1, "\(provider.id) has \(rows.count) rows for \(parameter.rawValue)")
        }
    }

    @Test(arguments: Provider.all) func `no two parameters share a field`(provider: Provider) {
        let paths = provider.rows.compactMap { row -> String? in
            if case .sent(let path, _, _) = row.rule { path } else { nil }
        }
        #expect(Set(paths).count == paths.count)
    }

    @Test(arguments: Provider.all) func `the standard request fits everywhere as it is`(provider: Provider) {
        let request = GenerationRequest(picture: .url("https://example.com/a.png"))
        #expect(provider.fit(request, pictures: PictureDelivery(canHost: false)) == .asIs)
    }

    /// A standard value that a table cannot send would be decided by the provider's own default.
    @Test(arguments: Provider.all) func `every standard value can be sent`(provider: Provider) {
        let parameters = Parameters()
        for row in provider.rows {
            guard case .sent(_, let accepted, _) = row.rule, let value = parameters[row.parameter] else { continue }
            #expect(accepted.wire(value) != nil, "\(provider.id) \(row.parameter.rawValue) \(value)")
        }
    }

    @Test func `ids are unique and found`() {
        #expect(Set(Provider.all.map(\.id)).count == Provider.all.count)
        for provider in Provider.all { #expect(Provider[provider.id]?.name == provider.name) }
        #expect(Provider["nobody"] == nil)
    }

    @Test(arguments: Provider.all) func `it has a price and a duration for every request`(provider: Provider) {
        for resolution in [512, 1024, 1536] as [Int64] {
            for textures in [true, false] {
                let parameters = Parameters([.resolution: .integer(resolution), .textures: .flag(textures)])
                #expect(provider.cost(of: parameters) != nil)
                #expect(provider.durations.typical(parameters) > .zero)
            }
        }
    }

    @Test func `prices are the published ones`() throws {
        func cost(_ id: ProviderID, _ given: [Parameter: ParameterValue]) throws -> Int64? {
            let provider = try #require(Provider[id])
            return provider.cost(of: Parameters(given))
        }
        #expect(try cost("pixazo", [:]) == 350_000)
        #expect(try cost("empiriolabs", [.resolution: .integer(512)]) == 25_000)
        #expect(try cost("empiriolabs", [.resolution: .integer(1536), .textures: .flag(true)]) == 499_000)
        // 20 credits for geometry, 40 for 4096 textures, 2 for a thumbnail.
        #expect(try cost("3daistudio", [:]) == 200_000)
        #expect(try cost("3daistudio", [.textures: .flag(true), .textureSize: .integer(4096)]) == 400_000)
        #expect(try cost("3daistudio", [.generateThumbnail: .flag(true)]) == 220_000)
    }
}
