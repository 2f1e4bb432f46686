import Domain
import Providers

/// What the gateway does with every parameter at every provider, as the Markdown tables of the documentation.
enum PrintedTables {
    static func parameters(_ providers: [Provider] = Provider.all) -> String {
        var lines = [
            "| parameter | range = standard | " + providers.map(\.name).joined(separator: " | ") + " |",
            "|---|---|" + String(repeating: "---|", count: providers.count),
        ]
        for parameter in Parameter.allCases {
            let cells = providers.map { provider in provider.row(parameter).map { cell($0) } ?? "?" }
            lines.append(
                "| `\(parameter.rawValue)` | \(canonical(parameter)) | " + cells.joined(separator: " | ") + " |")
        }
        return lines.joined(separator: "\n")
    }

    static func facts(_ providers: [Provider] = Provider.all) -> String {
        let rows: [(String, (Provider) -> String)] = [
            ("id", { "`\($0.id)`" }),
            ("base URL", { "`\($0.baseURL)`" }),
            ("key", key),
            ("submit", { "POST `\($0.submitPath)`" }),
            ("picture as bytes", { $0.picture.takesBytes ? "yes" : "no: it is given an address of ours" }),
            ("asked to call back", callback),
            (
                "a call is proved by",
                { $0.callbackProof != nil ? "its signature" : $0.callback.exists ? "a secret in its address" : "–" }
            ),
            ("can be called off", { $0.canCancel ? "yes" : "no" }),
            ("a lost submit", lostSubmit),
            ("calls a minute", { $0.limits.requestsPerMinute.map { "\($0)" } ?? "–" }),
            ("jobs at once", { "\($0.limits.concurrency)" }),
            ("keeps results", { $0.keepsResults.map { "\($0.components.seconds / 3600) h" } ?? "does not say" }),
            ("price at 512, 1024, 1536", price),
        ]
        var lines = [
            "| | " + providers.map(\.name).joined(separator: " | ") + " |",
            "|---|" + String(repeating: "---|", count: providers.count),
        ]
        for (name, cell) in rows {
            lines.append("| \(name) | " + providers.map(cell).joined(separator: " | ") + " |")
        }
        return lines.joined(separator: "\n")
    }

    // MARK: Cells

    private static func canonical(_ parameter: Parameter) -> String {
        let range =
            switch parameter.kind {
            case .choice(let values): values.map(String.init).joined(separator: ", ")
            case .word(let words): words.joined(separator: ", ")
            case .integer(let range): "\(range.lowerBound)–\(range.upperBound)"
            case .number(let range):
                "\(ParameterValue.number(range.lowerBound))–\(ParameterValue.number(range.upperBound))"
            case .flag: "true, false"
            case .picture: "picture"
            }
        switch parameter {
        case .seed: return range + " = drawn"
        case .pipelineType: return range + " = by resolution"
        case .ssSteps, .shapeSteps, .texSteps: return range + " = `steps`"
        default: return parameter.standard.map { "\(range) = \($0)" } ?? range
        }
    }

    private static func cell(_ row: Row) -> String {
        switch row.rule {
        case .sent(let path, let accepted, let occasion):
            let theirs = accepted.theirs.map { ", *theirs \($0)*" } ?? ""
            let when = occasion == .whenUnusual ? ", only if unusual" : ""
            return "`\(path)` \(accepted.short)\(theirs)\(when)"
        case .picture: return "yes"
        case .stages: return "the three stages"
        case .oneForAllStages: return "must agree: `steps`"
        case .resolution: return "by `resolution`"
        case .gateway(let how): return "*gateway:* \(how)"
        case .fixed(let value, let reason): return "– (\(value.map { "always \($0): " } ?? "")\(reason))"
        }
    }

    private static func key(_ provider: Provider) -> String {
        switch provider.authentication {
        case .none: "none"
        case .header(let name, let prefix): "`\(name): \(prefix)…`"
        }
    }

    private static func callback(_ provider: Provider) -> String {
        switch provider.callback {
        case .none: "no"
        case .header(let name): "header `\(name)`"
        case .query(let name): "query `\(name)`"
        case .field(let name): "field `\(name)`"
        }
    }

    private static func lostSubmit(_ provider: Provider) -> String {
        if provider.resendIsSafe { return "is sent again: the job has our name" }
        return provider.canReconcile ? "is looked for in its list" : "waits for a call or the deadline"
    }

    private static func price(_ provider: Provider) -> String {
        let prices = [512, 1024, 1536].map { resolution -> String in
            let parameters = Parameters([.resolution: .integer(Int64(resolution)), .textures: .flag(true)])
            guard let price = provider.prices.price(of: parameters) else { return "?" }
            return provider.prices.unit == .credits ? "\(price) credits" : "$\(dollars(price))"
        }
        return (provider.prices.isEstimate ? "about " : "") + prices.joined(separator: ", ")
    }

    /// Millionths as dollars, without a zero too many.
    private static func dollars(_ microdollars: Int64) -> String {
        var digits = String(microdollars % 1_000_000)
        digits = String(repeating: "0", count: 6 - digits.count) + digits
        while digits.count > 2, digits.last == "0" { digits.removeLast() }
        return "\(microdollars / 1_000_000).\(digits)"
    }
}

extension Accepted {
    /// The range, as short as can be.
    fileprivate var short: String {
        switch form {
        case .integer(let range):
            range.upperBound == .max ? "\(range.lowerBound)–2⁶³−1" : "\(range.lowerBound)–\(range.upperBound)"
        case .number(let range):
            "\(ParameterValue.number(range.lowerBound))–\(ParameterValue.number(range.upperBound))"
        case .whole(let range): "\(range.lowerBound)–\(range.upperBound), whole"
        case .choice(let values): values.map(String.init).joined(separator: " ")
        case .text(let values): values.map { "\"\($0)\"" }.joined(separator: " ")
        case .words(let words): words.map { "\"\($0)\"" }.joined(separator: " ")
        case .flag: ""
        }
    }
}
