import Domain
import Testing

@testable import Work

@Suite struct RoutingTests {
    private let start = Instant(milliseconds: 1_760_000_000_000)

    private func candidate(
        _ id: ProviderID, refusals: [Routing.Refusal] = [], cost: Int64? = nil, usual: Int = 60,
        standing: Standing = Standing(isEnabled: true, concurrency: 2)
    ) -> Routing.Candidate {
        Routing.Candidate(id, refusals: refusals, standing: standing, cost: cost, usual: .seconds(usual))
    }

    private func request(_ choice: ProviderChoice = .auto, fallback: Bool = true) -> GenerationRequest {
        GenerationRequest(picture: .url("https://example.com/chair.png"), choice: choice, fallback: fallback)
    }

    private func route(
        _ candidates: [Routing.Candidate], _ request: GenerationRequest, allowed: [ProviderID]? = nil,
        history: Routing.History = .init(), _ adjust: (inout RoutingSettings) -> Void = { _ in }
    ) -> Route {
        var settings = RoutingSettings()
        adjust(&settings)
        var random = SystemRandomNumberGenerator()
        return Routing(settings).route(
            request, allowed: allowed, history: history, among: candidates, at: start, random: &random)
    }

    @Test func `goes by the order of the config, then by the catalog`() {
        let route = route([candidate("a"), candidate("b"), candidate("c")], request()) { $0.order = ["c", "b"] }
        #expect(route.choices == ["c", "b", "a"])
        #expect(route.exclusions.isEmpty)
    }

    @Test func `the cheapest first, and who has no price last`() {
        let candidates = [candidate("a"), candidate("b", cost: 350_000), candidate("c", cost: 26_000)]
        #expect(route(candidates, request()) { $0.strategy = .cheapest }.choices == ["c", "b", "a"])
    }

    @Test func `the fastest first`() {
        let candidates = [candidate("a", usual: 90), candidate("b", usual: 20), candidate("c", usual: 60)]
        #expect(route(candidates, request()) { $0.strategy = .fastest }.choices == ["b", "c", "a"])
    }

    @Test func `weights decide how often who is first`() {
        var first: [ProviderID: Int] = [:]
        for _ in 0..<2000 {
            let route = route([candidate("a"), candidate("b"), candidate("c")], request()) {
                $0.strategy = .weighted
                $0.weights = ["a": 3, "b": 1, "c": 0]
            }
            #expect(Set(route.choices) == ["a", "b", "c"], "everyone is there to fall back on")
            first[route.choices[0], default: 0] += 1
        }
        #expect(first["c"] == nil)
        // 1500 expected, with a deviation of about 19.
        #expect((1380...1620).contains(first["a"] ?? 0))
    }

    @Test func `says of everyone left out why`() {
        var broken = Standing(isEnabled: true, concurrency: 2)
        broken.door.trip(at: start, because: "401 invalid key")
        var full = Standing(isEnabled: true, concurrency: 2)
        full.inFlight = 2
        let route = route(
            [
                candidate("able"), candidate("broken", standing: broken), candidate("full", standing: full),
                candidate("off", standing: Standing(isEnabled: false, concurrency: 2)), candidate("foreign"),
                candidate("unable", refusals: [.init(parameter: .seed, message: "it takes no seed")]),
            ], request(), allowed: ["able", "broken", "full", "off", "unable"])
        #expect(route.choices == ["able"])
        #expect(route.waiting == ["broken", "full"])
        let reasons = Dictionary(uniqueKeysWithValues: route.exclusions.map { ($0.provider, $0.reason) })
        #expect(
            reasons == [
                "broken": .broken, "full": .full, "off": .disabled, "foreign": .notAllowed, "unable": .cannot(.seed),
            ])
        #expect(route.exclusions.first { $0.provider == "broken" }?.message.contains("401 invalid key") == true)
        #expect(route.soonest == start + .seconds(300))
    }

    @Test func `a list is an order of preference, whatever the strategy`() {
        let candidates = [candidate("a", cost: 1), candidate("b", cost: 2), candidate("c", cost: 3)]
        #expect(route(candidates, request(.only(["c", "a"]))) { $0.strategy = .cheapest }.choices == ["c", "a"])
    }

    @Test func `without fallback, one provider and no other`() {
        let candidates = [candidate("a"), candidate("b")]
        #expect(route(candidates, request(fallback: false)).choices == ["a"])
        var history = Routing.History()
        history.last = "b"
        #expect(route(candidates, request(fallback: false), history: history).choices == ["b"])
        history.spent = ["b"]
        #expect(route(candidates, request(fallback: false), history: history).isHopeless)
    }

    @Test func `who had its turn is not asked again`() {
        var history = Routing.History()
        history.spent = ["a"]
        history.last = "a"
        #expect(route([candidate("a"), candidate("b")], request(), history: history).choices == ["b"])
    }

    @Test func `the sandbox works alone, and never stands in for another`() {
        #expect(route([candidate(.sandbox)], request()).choices == [.sandbox])
        #expect(route([candidate("a"), candidate(.sandbox)], request()).choices == ["a"])
        let unable = candidate("a", refusals: [.init(parameter: .seed, message: "no")])
        #expect(route([unable, candidate(.sandbox)], request()).isHopeless)
        #expect(route([candidate("a"), candidate(.sandbox)], request(.only([.sandbox]))).choices == [.sandbox])
        let first = route([candidate("a"), candidate(.sandbox)], request()) { $0.order = [.sandbox, "a"] }
        #expect(first.choices == [.sandbox, "a"])
        var history = Routing.History()
        history.last = "a"
        let after = route([candidate("a"), candidate(.sandbox)], request(), history: history) {
            $0.order = [.sandbox, "a"]
        }
        #expect(after.choices == ["a"])
    }

    @Test func `all out is not the same as all busy`() {
        var full = Standing(isEnabled: true, concurrency: 0)
        full.inFlight = 1
        var resting = Standing(isEnabled: true, concurrency: 2)
        resting.gate.pause(at: start, for: .seconds(30), unit: .seconds(1))
        #expect(!route([candidate("a", standing: full), candidate("b", standing: resting)], request()).isOut)
        #expect(route([candidate("b", standing: resting)], request()).isOut)
    }

    @Test func `a provider an operator took out may come back, so tasks wait for it`() {
        var standing = Standing(isEnabled: true, concurrency: 2)
        standing.override = false
        let route = route([candidate("a", standing: standing)], request())
        #expect(route.waiting == ["a"])
        #expect(route.isOut)
        standing = Standing(isEnabled: false, concurrency: 2)
        standing.override = true
        #expect(self.route([candidate("a", standing: standing)], request()).choices == ["a"])
    }
}
