import Domain
import JSON
import Providers
import Store
import Testing

@testable import Work

/// Every provider against everything an upstream does wrong: each task ends in the right state, with the right
/// money, at the right provider, after few attempts, and nothing is bought twice.
@Suite struct FaultMatrixTests {
    static let providers: [ProviderID] = ["3daistudio", "pixazo", "empiriolabs", "runware", "fal"]

    enum End: Sendable {
        /// The provider that was asked first gives the model, with at most so many attempts.
        case here(attempts: Int)
        /// The next provider does, the first having been asked so often.
        case elsewhere(after: ClosedRange<Int>)
        /// The outcome of the submit is not known: found again where there is a way, else refunded unfinished.
        case found
        /// The same, of a request that never arrived: sent again where that is safe, or where the list says so.
        case neverArrived
        case refunded(String)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let fault: JSONValue
        let end: End

        init(_ name: String, _ fault: JSONValue, _ end: End) {
            self.name = name
            self.fault = fault
            self.end = end
        }

        var testDescription: String { name }
    }

    static let cases: [Case] =
        [
            Case("nothing wrong", [:], .here(attempts: 1)),
            submit("401", ["status": 401], .elsewhere(after: 1...1)),
            submit("402", ["status": 402], .elsewhere(after: 1...1)),
            submit("403", ["status": 403], .elsewhere(after: 1...1)),
            submit("404", ["status": 404], .elsewhere(after: 1...2)),
            submit("400", ["status": 400], .elsewhere(after: 1...1)),
            submit("422", ["status": 422], .elsewhere(after: 1...1)),
            submit("429 with Retry-After", ["status": 429, "headers": ["Retry-After": "7"]], .elsewhere(after: 1...1)),
            submit("429 without", ["status": 429], .elsewhere(after: 1...1)),
            submit("500", ["status": 500], .elsewhere(after: 2...2)),
            submit("500 once", ["status": 500, "times": 1], .here(attempts: 2)),
            submit("502 HTML", ["status": 502, "mutate": "html"], .elsewhere(after: 2...2)),
            submit(
                "redirect", ["status": 302, "headers": ["Location": "https://elsewhere.example.com/"]],
                .elsewhere(after: 1...2)),
            submit("answer lost", ["lose": true, "times": 1], .found),
            submit("no answer after it was taken", ["hang": "after", "times": 1], .found),
            submit("closed before it was read", ["close": true, "times": 1], .neverArrived),
            submit("no answer and not taken", ["hang": "before", "times": 1], .neverArrived),
            submit("reset in mid-body", ["cut": 3, "times": 1], .found),
            submit("truncated JSON", ["mutate": "truncated", "times": 1], .found),
            submit("garbage", ["mutate": "garbage", "times": 1], .found),
            submit("empty", ["mutate": "empty", "times": 1], .found),
            submit("null", ["mutate": "null", "times": 1], .found),
            submit("deep", ["mutate": "deep", "times": 1], .found),
            submit("huge", ["mutate": "huge", "times": 1], .found),
            submit("endless", ["mutate": "endless", "times": 1], .found),
        ]
        + ["401", "404", "429", "500", "503"].map { look("looks say \($0)", ["status": .integer(Int64($0) ?? 0)]) }
        + ["html", "truncated", "garbage", "empty", "list", "null", "deep", "huge", "endless", "wrong_types"].map {
            look("looks give \($0)", ["mutate": .string($0)])
        }
        + [
            look("looks are lost", ["lose": true]), look("looks hang", ["hang": "before"]),
            look("looks are reset in mid-body", ["cut": 3]),
            fate("never ends", "stuck", .refunded("deadline_exceeded")),
            fate("goes backwards", "backwards", .here(attempts: 1)),
            fate("generation fails", "fails", .elsewhere(after: 1...1)),
            fate("done before the file is there", "late_file", .here(attempts: 1)),
            fate("the provider forgets it", "gone", .elsewhere(after: 1...1)),
            fate("result 404", "asset_404", .elsewhere(after: 1...1)),
            fate("result 403", "asset_403", .elsewhere(after: 1...1)),
            fate("result not a GLB", "no_model", .elsewhere(after: 1...1)),
            fate("result cut off", "truncated_model", .elsewhere(after: 1...1)),
            fate("result called something else", "wrong_type", .here(attempts: 1)),
        ]

    private static func submit(_ name: String, _ fault: JSONValue, _ end: End) -> Case {
        var fault = fault.object ?? JSONObject()
        fault["route"] = "submit"
        if fault["times"] == nil { fault["times"] = .null }
        return Case("submit: " + name, .object(fault), end)
    }

    /// Three looks in a row go wrong; the job does not care.
    private static func look(_ name: String, _ fault: JSONValue) -> Case {
        var fault = fault.object ?? JSONObject()
        fault["route"] = "look"
        fault["times"] = 3
        return Case(name, .object(fault), .here(attempts: 1))
    }

    private static func fate(_ name: String, _ end: String, _ expected: End) -> Case {
        Case(name, ["fate": ["end": .string(end)]], expected)
    }

    @Test(arguments: providers, cases) func `every task ends rightly`(provider: ProviderID, wrong: Case) async throws {
        let network = try SimulatedNetwork()
        let other: ProviderID = provider == "fal" ? "runware" : "fal"
        if var fault = wrong.fault.object, !fault.isEmpty {
            fault["provider"] = .string(provider.rawValue)
            // What fal says by itself is that the picture is bad, which nobody else would like better.
            if provider == "fal", fault["fate"]?["end"] == "fails" {
                fault["fate"] = ["end": "fails", "code": "runner_server_error"]
            }
            try network.plan(.object(fault))
        }
        try await House.with(network: network, order: [provider, other]) { house in
            let id = try await house.submit(deadline: .seconds(1800))
            let task = try await house.live(id, on: network)
            let here = try network.bought(provider)
            let elsewhere = try network.bought(other)
            let tries = try await house.store.attempts(of: id).map(\.attempt.provider)
            switch expected(wrong.end, at: provider) {
            case .here(let attempts):
                #expect(task.state == .finished, "\(task.failure?.message ?? "")")
                #expect(task.slots[0].attempt?.provider == provider)
                #expect(tries.count <= attempts)
                #expect(here == 1)
                #expect(elsewhere == 0)
            case .elsewhere(let attempts):
                #expect(task.state == .finished, "\(task.failure?.message ?? "")")
                #expect(task.slots[0].attempt?.provider == other)
                #expect(tries.last == other)
                #expect(tries.dropLast().allSatisfy { $0 == provider })
                #expect(attempts.contains(tries.count - 1))
                #expect(elsewhere == 1)
            case .refunded(let code):
                #expect(task.state.isFinal && task.state != .finished)
                #expect(task.failure?.code == code)
                #expect(here <= 1)
                #expect(elsewhere == 0)
            case .found, .neverArrived: Issue.record("resolved above")
            }
            #expect(tries.count <= 5)
            let wallet = try await house.wallet()
            #expect(wallet.held == 0)
            #expect(wallet.spent == (task.state == .finished ? 30 : 0))
            #expect(try network.count(provider, "leaked_keys") == 0)
        }
    }

    /// What an unknown outcome comes to at each provider.
    private func expected(_ end: End, at provider: ProviderID) -> End {
        switch (end, provider) {
        case (.found, "fal"), (.found, "runware"), (.neverArrived, "runware"): .here(attempts: 1)
        case (.neverArrived, "fal"): .here(attempts: 2)
        case (.found, _), (.neverArrived, _): .refunded("outcome_unknown")
        default: end
        }
    }

    @Test func `a picture that the provider cannot use is not tried elsewhere`() async throws {
        let network = try SimulatedNetwork()
        try network.plan(["provider": "fal", "fate": ["end": "fails", "code": "image_load_error"]])
        try await House.with(network: network, order: ["fal", "runware"]) { house in
            let id = try await house.submit()
            #expect(try await house.live(id, on: network).failure?.code == "image_rejected")
            #expect(try network.bought("runware") == 0)
            #expect(try await house.wallet().balance == 1_000_000)
        }
    }

    @Test(arguments: providers) func `what cannot be reached is tried twice, then somebody else`(provider: ProviderID)
        async throws
    {
        let network = try SimulatedNetwork()
        let other: ProviderID = provider == "fal" ? "runware" : "fal"
        network.cutOff(provider.rawValue, times: 100)
        try await House.with(network: network, order: [provider, other]) { house in
            let id = try await house.submit()
            let task = try await house.live(id, on: network)
            #expect(task.state == .finished)
            let tries = try await house.store.attempts(of: id).map(\.attempt.provider)
            #expect(tries == [provider, provider, other])
            #expect(try network.bought(provider) == 0)
        }
    }
}

extension House {
    /// The real desks of the named providers, at the simulator.
    static func with(
        network: SimulatedNetwork, order: [ProviderID], adjust: @Sendable (inout WorkSettings) -> Void = { _ in },
        _ body: (House) async throws -> Void
    ) async throws {
        let desks: [any Desk] = order.enumerated().compactMap { rank, id in
            guard let provider = Provider[id] else { return nil }
            let settings = ProviderSettings(
                baseURL: SimulatedNetwork.base + "/" + id.rawValue, key: Secret("key-for-\(id)"))
            var options = UpstreamDesk.Options()
            options.requestsPerMinute = provider.limits.requestsPerMinute
            return UpstreamDesk(provider, settings, rank: rank, upstream: network, options: options)
        }
        try await with(desks: desks, wire: network, clock: RunClock { network.now }, adjust: adjust, body)
    }

    /// Lets time pass until the task has ended.
    func live(_ id: TaskID, on network: SimulatedNetwork) async throws -> GenerationTask {
        // The poller keeps what it was told between its turns, as a look without news writes no row.
        let poller = Poller(shop)
        var told: [Slot] = []
        for _ in 0..<500 {
            let now = network.now
            _ = try await dispatcher.runOnce(now: now)
            _ = try await poller.runOnce(now: now)
            _ = try await Reconciler(shop).runOnce(now: now)
            _ = try await Finisher(shop, models: models).runOnce(now: now)
            _ = try await Reaper(shop).runOnce(now: now)
            let task = try await task(id)
            if task.state.isFinal { return task }
            if task.slots != told {
                told = task.slots
                poller.observe(task)
            }
            let others = task.slots.filter { $0.state != .running }.compactMap(\.dueAt)
            let due = (others + [poller.nextLook(after: now)].compactMap(\.self)).min() ?? now
            network.advance(to: max(due, now + .milliseconds(100)))
        }
        throw Unexpected("the task never ends: \(try await task(id).state)")
    }
}
