import Domain
import JSON

/// What one provider makes of one canonical parameter.
package struct Row: Sendable {
    package let parameter: Parameter
    package let rule: Rule

    package enum Rule: Sendable {
        /// Sent under the provider's own name; `path` has dots where it is nested.
        case sent(path: String, Accepted, when: Occasion)
        /// The picture, by the provider's `PictureRule`.
        case picture
        /// No field of its own: it is what the three stages' own fields say.
        case stages
        /// No field of its own: the provider has one number for all stages, so the stages must agree.
        case oneForAllStages
        /// No field of its own: it must say what `resolution` says.
        case resolution
        /// The gateway does it itself.
        case gateway(String)
        /// The provider takes no such thing, and does what this value says.
        case fixed(ParameterValue?, because: String)
    }

    package enum Occasion: Sendable, Hashable {
        /// In every request, so that the provider's own default never decides.
        case always
        /// Only when it differs from the standard, which is also the provider's: for fields that its published
        /// page does not have yet.
        case whenUnusual
    }

    /// `theirs` is the provider's own default where it differs from the standard, for the table in the docs.
    static func send(
        _ parameter: Parameter, as path: String, _ accepted: Accepted, when occasion: Occasion = .always,
        theirs: String? = nil
    ) -> Row {
        Row(parameter: parameter, rule: .sent(path: path, accepted.with(theirs), when: occasion))
    }

    static func gateway(_ parameter: Parameter, _ how: String) -> Row {
        Row(parameter: parameter, rule: .gateway(how))
    }

    /// Only the standard value can be had: it is what the provider does anyway.
    static func unsupported(_ parameter: Parameter, because reason: String) -> Row {
        Row(parameter: parameter, rule: .fixed(parameter.standard, because: reason))
    }

    static let pictures: [Row] = [
        Row(parameter: .image, rule: .picture), Row(parameter: .imageURL, rule: .picture),
    ]
    /// `steps`, where each stage has a field of its own.
    static let stages = Row(parameter: .steps, rule: .stages)
    /// The stages' own steps, where there is one field for all.
    static let oneForAllStages: [Row] = [Parameter.ssSteps, .shapeSteps, .texSteps].map {
        Row(parameter: $0, rule: .oneForAllStages)
    }
    /// `pipeline_type`, where there is no field for it.
    static let pipeline = Row(parameter: .pipelineType, rule: .resolution)
    /// `number_results`, where a job makes one.
    static let oneResult = Row.gateway(.numberResults, "as many jobs as results, each with its own seed")
    static let stripped = Row.gateway(
        .textures, "always textured there; with `false` the gateway asks for 1024 and strips the file")
    static let rendered = Row.gateway(.generateThumbnail, "the gateway renders it")
}

/// The values a field takes, and how they are written.
package struct Accepted: Sendable {
    package enum Form: Sendable, Hashable {
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Double>)
        /// A number here, but an integer there.
        case whole(ClosedRange<Int64>)
        case choice([Int64])
        /// The same, written as text.
        case text([Int64])
        case words([String])
        case flag
    }

    package let form: Form
    package let theirs: String?

    static func integer(_ range: ClosedRange<Int64>) -> Accepted { Accepted(form: .integer(range), theirs: nil) }
    static func number(_ range: ClosedRange<Double>) -> Accepted { Accepted(form: .number(range), theirs: nil) }
    static func whole(_ range: ClosedRange<Int64>) -> Accepted { Accepted(form: .whole(range), theirs: nil) }
    static func choice(_ values: Int64...) -> Accepted { Accepted(form: .choice(values), theirs: nil) }
    static func text(_ values: Int64...) -> Accepted { Accepted(form: .text(values), theirs: nil) }
    static func words(_ words: String...) -> Accepted { Accepted(form: .words(words), theirs: nil) }
    static let flag = Accepted(form: .flag, theirs: nil)

    func with(_ theirs: String?) -> Accepted { Accepted(form: form, theirs: theirs) }

    /// How the value is written; nil when the field does not take it.
    package func wire(_ value: ParameterValue) -> JSONValue? {
        switch (form, value) {
        case (.integer(let range), .integer(let value)):
            if range.contains(value) { return .integer(value) }
        case (.choice(let values), .integer(let value)):
            if values.contains(value) { return .integer(value) }
        case (.text(let values), .integer(let value)):
            if values.contains(value) { return .string(String(value)) }
        case (.number(let range), _):
            if let number = value.number, range.contains(number) { return Self.shortest(number) }
        case (.whole(let range), _):
            if let number = value.number, let whole = Int64(exactly: number), range.contains(whole) {
                return .integer(whole)
            }
        case (.words(let words), .word(let value)):
            if words.contains(value) { return .string(value) }
        case (.flag, .flag(let value)): return .bool(value)
        default: break
        }
        return nil
    }

    /// The closest value that the field takes; nil when none is close in any sense.
    package func nearest(to value: ParameterValue) -> ParameterValue? {
        switch form {
        case .integer(let range):
            guard case .integer(let value) = value else { return nil }
            return .integer(min(max(value, range.lowerBound), range.upperBound))
        case .number(let range):
            return value.number.map { .number(min(max($0, range.lowerBound), range.upperBound)) }
        case .whole(let range):
            return value.number.map {
                .number(min(max($0.rounded(), Double(range.lowerBound)), Double(range.upperBound)))
            }
        case .choice(let values), .text(let values):
            guard case .integer(let value) = value else { return nil }
            return values.min { abs($0 - value) < abs($1 - value) }.map { .integer($0) }
        case .words, .flag: return nil
        }
    }

    /// In words, for errors and the docs: `a number from 1 to 6`.
    package var words: String {
        switch form {
        case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range):
            "a number from \(ParameterValue.number(range.lowerBound)) to \(ParameterValue.number(range.upperBound))"
        case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .choice(let values), .text(let values):
            "one of " + values.map(String.init).joined(separator: ", ")
        case .words(let words): "one of " + words.joined(separator: ", ")
        case .flag: "true or false"
        }
    }

    /// `5`, not `5.0`: as the providers' own examples have it.
    private static func shortest(_ number: Double) -> JSONValue {
        if number.magnitude < 1e15, let whole = Int64(exactly: number) { return .integer(whole) }
        return .decimal(JSONDecimal(number))
    }
}

extension ParameterValue {
    var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        case .flag, .word: nil
        }
    }
}
