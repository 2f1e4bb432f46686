import Domain
import Providers
import Testing

@testable import Work

@Suite struct KnownFitsTests {
    /// Whatever a table goes by makes another question of it: the second answer is the table's as the first was.
    @Test(arguments: Provider.all) func `what a table said is said again, and to no other question`(provider: Provider)
    {
        let fits = KnownFits(provider)
        let kept = KeptPicture(sha256: "00", format: .png, byteCount: 1, width: 1, height: 1)
        var values: [[Parameter: ParameterValue]] = [[:], [.seed: .integer(7)], [.seed: .integer(8)]]
        values += [1, 30, 50].map { [.steps: .integer($0)] }
        values += [0, 5.5, 20].map { [.ssRescaleT: .number($0)] }
        values += [[.textures: .flag(true)], [.resolution: .integer(1536), .remeshBand: .number(5)]]
        for _ in 0..<2 {
            for given in values {
                for picture in [PictureSource.url("https://example.com/a.png"), .kept(kept)] {
                    for wish in GenerationRequest.OnUnsupported.allCases {
                        for canHost in [true, false] {
                            let request = GenerationRequest(
                                picture: picture, parameters: Parameters(given), onUnsupported: wish)
                            let table = provider.fit(request, pictures: PictureDelivery(canHost: canHost))
                            #expect(fits.fit(request, canHost: canHost) == table)
                        }
                    }
                }
            }
        }
    }

    @Test func `forgets before it holds too much`() throws {
        let fits = KnownFits(try #require(Provider.all.first))
        for steps in 0..<2000 {
            let parameters = Parameters([.decimationTarget: .integer(1000 + Int64(steps))])
            let request = GenerationRequest(picture: .url("https://example.com/a.png"), parameters: parameters)
            _ = fits.fit(request, canHost: true)
        }
        #expect((1...256).contains(fits.count))
    }
}
