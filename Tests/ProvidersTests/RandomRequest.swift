import Domain
import Providers
import Testing

/// Numbers from a seed: the same run every time (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension GenerationRequest {
    /// Any request that the canonical rules allow: few parameters or many, edges as often as middles.
    static func random(_ numbers: inout SeededNumbers) -> GenerationRequest {
        var given: [Parameter: ParameterValue] = [:]
        let share = [0.05, 0.3, 0.9].randomElement(using: &numbers) ?? 0.3
        for parameter in Parameter.allCases where Double.random(in: 0..<1, using: &numbers) < share {
            given[parameter] = .random(parameter.kind, &numbers)
        }
        for (start, end) in [
            (Parameter.ssIntervalStart, Parameter.ssIntervalEnd), (.shapeIntervalStart, .shapeIntervalEnd),
            (.texIntervalStart, .texIntervalEnd),
        ] {
            let values = Parameters(given)
            if case .number(let from)? = values[start], case .number(let to)? = values[end], from > to {
                given[end] = .number(1)
            }
        }
        let url = PictureSource.url("https://pictures.example.com/\(numbers.next() % 1000).png?signature=a%20b")
        let kept = PictureSource.kept(
            KeptPicture(sha256: "00", format: .png, byteCount: 8, width: 1, height: 1))
        return GenerationRequest(
            picture: Bool.random(using: &numbers) ? url : kept, parameters: Parameters(given),
            onUnsupported: Bool.random(using: &numbers) ? .refuse : .adjust)
    }
}

extension ParameterValue {
    static func random(_ kind: Parameter.Kind, _ numbers: inout SeededNumbers) -> ParameterValue? {
        switch kind {
        case .choice(let values): return values.randomElement(using: &numbers).map { .integer($0) }
        case .word(let words): return words.randomElement(using: &numbers).map { .word($0) }
        case .flag: return .flag(Bool.random(using: &numbers))
        case .picture: return nil
        case .integer(let range):
            let edges = [range.lowerBound, range.upperBound, 12, 50, 51]
            let value =
                Bool.random(using: &numbers)
                ? edges.randomElement(using: &numbers) ?? 12 : Int64.random(in: range, using: &numbers)
            return .integer(min(max(value, range.lowerBound), range.upperBound))
        case .number(let range):
            let edges = [range.lowerBound, range.upperBound, 1, 0.5, 3, 10, 0.1 + 0.2, 1e-9]
            let value =
                Bool.random(using: &numbers)
                ? edges.randomElement(using: &numbers) ?? 1 : Double.random(in: range, using: &numbers)
            return .number(min(max(value, range.lowerBound), range.upperBound))
        }
    }
}

/// A picture's first bytes, enough for whoever looks at them.
let pngBytes: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1]

extension UpstreamJob {
    static func make(
        _ parameters: Parameters = Parameters(), seed: Int64? = 7,
        picture: UpstreamPicture = .url("https://pictures.example.com/chair.png"),
        token: String = "0b9f6c1e-53d4-4c6f-9a57-1f2a3b4c5d6e", callbackURL: String? = nil, keep: Duration? = nil
    ) -> UpstreamJob {
        UpstreamJob(
            parameters: parameters, seed: seed, picture: picture, token: token, callbackURL: callbackURL, keep: keep)
    }
}

extension Provider {
    /// The five that are somebody else's.
    static var hosted: [Provider] { all.filter { $0.id != .sandbox } }

    var testSettings: ProviderSettings { ProviderSettings(baseURL: baseURL, key: Secret("key-for-\(id)")) }
}

extension Provider: CustomTestStringConvertible {
    package var testDescription: String { id.rawValue }
}
