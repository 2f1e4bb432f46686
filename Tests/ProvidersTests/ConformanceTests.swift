import Domain
import HTTP
import Providers
import Testing

@Suite struct ConformanceTests {
    @Test(arguments: Provider.all) func `nothing is missing`(provider: Provider) {
        for line in Conformance.missing(provider, fixtures: Fixture.names(provider)) { Issue.record("\(line)") }
    }

    @Test(arguments: Provider.all) func `exchanges are as they are written down`(provider: Provider) throws {
        for problem in try Conformance.problems(provider) { Issue.record("\(problem)") }
    }

    /// What the words of the fixtures promise, whatever is written in them.
    @Test(arguments: Provider.all) func `every kind of answer is read as what it is`(provider: Provider) throws {
        let settings = provider.testSettings
        let job = UpstreamJob.make()
        func submit(_ name: String) throws -> SubmitAnswer {
            provider.readSubmission(try #require(Fixture(name, of: provider)).reply, job, settings)
        }
        guard case .accepted(let handle, _) = try submit("accepted") else {
            Issue.record("not accepted")
            return
        }
        func look(_ name: String, age: Duration = .seconds(120)) throws -> LookAnswer {
            provider.readLook(try #require(Fixture(name, of: provider)).reply, handle, age: age, settings)
        }
        func refusal(_ name: String) throws -> Fault.Kind? {
            if case .refused(let fault) = try submit(name) { fault.kind } else { nil }
        }
        if case .invalidInput? = try refusal("rejected") {} else { Issue.record("rejected") }
        #expect(try refusal("unauthorized") == .credentials)
        #expect([.outOfBalance, .credentials].contains(try refusal("broke")))
        if case .busy(let wait?)? = try refusal("busy") { #expect(wait > .zero) } else { Issue.record("busy") }
        #expect(try refusal("broken") == .serverError)
        if case .unknown = try submit("unreadable") {} else { Issue.record("unreadable") }
        if case .running = try look("running") {} else { Issue.record("running") }
        switch try look("done") {
        case .done, .fetch: break
        default: Issue.record("done")
        }
        if case .failed(let fault) = try look("failed") {
            #expect([.generationFailed, .badPicture].contains(fault.kind))
        } else {
            Issue.record("failed")
        }
        if case .noNews(let fault) = try look("throttled"), case .busy = fault.kind {
        } else {
            Issue.record("throttled")
        }
        if case .noNews(let fault) = try look("garbled") {
            #expect(fault.kind == .garbled)
        } else {
            Issue.record("garbled")
        }
        if case .gone = try look("gone") {} else { Issue.record("gone") }
        // A job may not be visible in its first minute.
        if case .noNews = try look("gone", age: .seconds(5)) {} else { Issue.record("gone too early") }
    }

    /// RFC 9110 §15.4.4: 303 says that the request was acted upon and where to look; the others say that it was not.
    @Test(arguments: Provider.all) func `a submit that was acted upon elsewhere is not asked for again`(
        provider: Provider
    ) {
        func answer(_ status: HTTPStatus) -> SubmitAnswer {
            let reply = HTTPReply(status, headers: ["Location": "https://elsewhere.example.com/"])
            return provider.readSubmission(reply, .make(), provider.testSettings)
        }
        if case .unknown = answer(303) {} else { Issue.record("303 is read as \(answer(303))") }
        for status in [301, 302, 307, 308] as [HTTPStatus] {
            if case .refused = answer(status) {} else { Issue.record("\(status.code) is read as \(answer(status))") }
        }
    }

    @Test(arguments: Provider.all) func `no fault repeats a secret`(provider: Provider) throws {
        let settings = provider.testSettings
        // A callback's address has the attempt's token in it.
        let token = "0b9f6c1e-53d4-4c6f-9a57-1f2a3b4c5d6e"
        let job = UpstreamJob.make(callbackURL: "https://gateway.example.com/callbacks/\(token)?slot=0")
        for name in Fixture.names(provider) {
            guard var reply = Fixture(name, of: provider)?.reply else { continue }
            // As if it sent back everything that it was told.
            let said = "key-for-\(provider.id) \(token) \(job.callbackURL ?? "")"
            for status in [reply.status, 400, 401, 500] {
                reply.status = status
                for body in [
                    reply.body, Array("{\"message\": \"\(said)\", \"detail\": \"\(said)\"}".utf8), Array(said.utf8),
                ] {
                    reply.body = body
                    let handle = UpstreamHandle(id: "some-id")
                    let faults = [
                        provider.readSubmission(reply, job, settings).fault,
                        provider.readLook(reply, handle, age: .zero, settings).fault,
                        provider.readResult(reply, handle, age: .zero, settings).fault,
                    ]
                    for fault in faults.compactMap({ $0 }) {
                        #expect(!fault.message.contains("key-for-\(provider.id)"))
                        #expect(fault.excerpt?.contains("key-for-\(provider.id)") != true)
                        #expect((fault.excerpt ?? "").utf8.count <= 2048)
                        #expect(fault.message.utf8.count <= 500)
                    }
                    #expect(faults[0]?.excerpt?.contains(token) != true)
                }
            }
        }
    }
}

extension SubmitAnswer {
    var fault: Fault? {
        switch self {
        case .refused(let fault), .unknown(let fault): fault
        case .accepted, .done: nil
        }
    }
}

extension LookAnswer {
    var fault: Fault? {
        switch self {
        case .failed(let fault), .noNews(let fault), .gone(let fault): fault
        case .waiting, .running, .fetch, .done: nil
        }
    }
}
