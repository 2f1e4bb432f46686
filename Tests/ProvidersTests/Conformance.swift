import Domain
import HTTP
import Providers

/// What every provider must show by fixtures, and how each is played. This is the checklist for a new one.
enum Conformance {
    /// A submit, and an answer to it.
    static let submits = [
        "accepted", "everything", "rejected", "unauthorized", "broke", "busy", "broken", "unreadable",
    ]
    /// A look, and an answer to it.
    static let looks = ["waiting", "running", "done", "failed", "throttled", "garbled", "gone"]

    /// What is missing, in words that say what to do.
    static func missing(_ provider: Provider, fixtures: [String]) -> [String] {
        var missing: [String] = []
        for parameter in Parameter.allCases where provider.row(parameter) == nil {
            missing.append("\(provider.id) does not account for \(parameter.rawValue): add a row")
        }
        for name in submits + looks where !fixtures.contains(name) {
            missing.append("\(provider.id) has no fixture \(name): add Fixtures/\(provider.id)/\(name).http")
        }
        if provider.picture.takesBytes, !fixtures.contains("bytes") {
            missing.append("\(provider.id) has no fixture bytes: add Fixtures/\(provider.id)/bytes.http")
        }
        return missing
    }

    /// Plays every fixture; returns what differs from what is written there.
    static func problems(_ provider: Provider) throws -> [String] {
        guard let accepted = Fixture("accepted", of: provider) else { return ["no accepted.http"] }
        let settings = provider.testSettings
        let job = UpstreamJob.make(
            callbackURL: "https://gateway.example.com/callbacks/token-1?slot=0", keep: .seconds(86_400))
        guard case .accepted(let handle, _) = provider.readSubmission(accepted.reply, job, settings) else {
            return ["\(provider.id)/accepted is not read as accepted"]
        }
        var problems: [String] = []
        for name in Fixture.names(provider) {
            guard let fixture = Fixture(name, of: provider) else {
                problems.append("\(provider.id)/\(name).http cannot be read")
                continue
            }
            let (sent, meaning) = play(fixture, provider, job, handle, settings)
            problems += try fixture.settle(sent: sent, meaning: meaning, of: provider)
        }
        return problems
    }

    private static func play(
        _ fixture: Fixture, _ provider: Provider, _ job: UpstreamJob, _ handle: UpstreamHandle,
        _ settings: ProviderSettings
    ) -> (sent: String, meaning: String) {
        let name = fixture.name
        let age = Duration.seconds(120)
        if looks.contains(where: { name == $0 || name.hasPrefix($0 + "_") }) {
            let answer = provider.readLook(fixture.reply, handle, age: age, settings)
            return (shown(provider.look(handle, settings)), shown(answer))
        }
        if name.hasPrefix("result_") {
            let answer = provider.readResult(fixture.reply, handle, age: age, settings)
            guard
                case .fetch(let request) = Fixture("done", of: provider).map({
                    provider.readLook($0.reply, handle, age: age, settings)
                })
            else { return ("", shown(answer)) }
            return (shown(request), shown(answer))
        }
        if name.hasPrefix("balance") {
            let request = provider.balance(settings, token: "6f1f1e5e-7a29-4f4e-8a39-8a9a4f0e3c11")
            let meaning =
                switch provider.readBalance(fixture.reply, settings) {
                case .success(let balance):
                    "\(balance.amount) \(balance.unit)"
                        + (balance.requestsPerMinute.map { ", \($0) calls a minute" } ?? "")
                case .failure(let fault): shown(fault)
                }
            return (request.map(shown) ?? "", meaning)
        }
        if name.hasPrefix("listed") {
            let window = ReconcileWindow(
                job: job, from: Instant(milliseconds: 1_774_951_200_000), to: Instant(milliseconds: 1_774_951_260_000))
            let meaning =
                switch provider.readReconciliation(fixture.reply, job, settings) {
                case .found(let handle): "found \(handle.id)"
                case .absent: "absent"
                case .unclear(let fault): "unclear\n" + shown(fault)
                }
            return (provider.reconciliation(window, settings).map(shown) ?? "", meaning)
        }
        var job = job
        if name == "everything" { job.parameters = .unusual(at: provider) }
        if name == "bytes" { job.picture = .bytes(pngBytes, contentType: "image/png") }
        return (
            shown(provider.submission(job, settings)), shown(provider.readSubmission(fixture.reply, job, settings))
        )
    }
}

extension Parameters {
    /// Every parameter that the provider takes, none of them as it would be anyway.
    static func unusual(at provider: Provider) -> Parameters {
        var given: [Parameter: ParameterValue] = [.textures: .flag(true)]
        for row in provider.rows {
            guard case .sent(_, let accepted, _) = row.rule else { continue }
            switch accepted.form {
            case .integer(let range): given[row.parameter] = .integer(range.contains(21) ? 21 : range.upperBound - 1)
            case .number(let range): given[row.parameter] = .number(range.contains(0.875) ? 0.875 : 2.125)
            case .whole(let range): given[row.parameter] = .number(Double(range.upperBound - 1))
            case .choice(let values), .text(let values): given[row.parameter] = values.last.map { .integer($0) }
            case .words(let words): given[row.parameter] = words.last.map { .word($0) }
            case .flag: given[row.parameter] = .flag(row.parameter.standard != .flag(true))
            }
        }
        given[.textures] = .flag(true)
        // The pipeline follows the resolution.
        given[.pipelineType] = nil
        return Parameters(given)
    }
}
