import Domain
import HTTP
import Providers
import Testing

/// Any request that is valid here gives, for every provider, either one that its strict simulator accepts or a refusal
/// that names the parameter. Ten thousand of them for each.
@Suite struct PropertyTests {
    @Test(arguments: Provider.hosted) func `what fits is accepted, and the rest is named`(provider: Provider) throws {
        var numbers = SeededNumbers(0x7e11_1502)
        var upstream = try SimulatedUpstream()
        let settings = upstream.settings(provider)
        var sent = 0
        var adjusted = 0
        for round in 0..<10_000 {
            let request = GenerationRequest.random(&numbers)
            let pictures = PictureDelivery(canHost: numbers.next() % 2 == 0)
            let fit = provider.fit(request, pictures: pictures)
            guard let parameters = fit.parameters(of: request) else {
                #expect(!fit.obstacles.isEmpty)
                continue
            }
            if case .adjusted = fit { adjusted += 1 }
            let picture: UpstreamPicture
            switch request.picture {
            case .url(let url): picture = .url(url)
            case .kept where provider.picture.takesBytes: picture = .bytes(pngBytes, contentType: "image/png")
            case .kept: picture = .url("https://gateway.example.com/v1/assets/input?signature=x")
            }
            let job = UpstreamJob.make(
                parameters, seed: parameters.seed ?? Int64(numbers.next() >> 33), picture: picture,
                token: uuid(round),
                callbackURL: round % 3 == 0 ? "https://gateway.example.com/callbacks/t?a=b&c=d" : nil,
                keep: round % 5 == 0 ? .seconds(60) : nil)
            let reply = upstream.send(provider.submission(job, settings))
            guard case .accepted(let handle, _) = provider.readSubmission(reply, job, settings) else {
                Issue.record("\(provider.id) refused \(parameters.given): \(reply.status) \(reply.text)")
                return
            }
            sent += 1
            if sent == 1 {
                upstream.now += 1
                guard
                    case .waiting = provider.readLook(
                        upstream.send(provider.look(handle, settings)), handle, age: .seconds(1), settings)
                else {
                    #expect(provider.id == "runware")
                    continue
                }
            }
        }
        // Enough of both, or the generator proves nothing.
        #expect(sent > 1000)
        #expect(adjusted > 500)
    }

    private func uuid(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return "0b9f6c1e-53d4-4c6f-9a57-" + String(repeating: "0", count: 12 - digits.count) + digits
    }
}
