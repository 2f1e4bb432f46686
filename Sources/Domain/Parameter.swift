/// Every canonical TRELLIS.2 parameter. A provider's table must account for each of them, so a new
/// case here makes every provider's test name what is missing.
package enum Parameter: String, Sendable, CaseIterable, Hashable {
    case image
    case imageURL = "image_url"
    case resolution
    case pipelineType = "pipeline_type"
    case maxTokens = "max_num_tokens"
    case preprocessImage = "preprocess_image"
    case seed
    case steps
    case ssSteps = "ss_sampling_steps"
    case ssGuidance = "ss_guidance_strength"
    case ssGuidanceRescale = "ss_guidance_rescale"
    case ssRescaleT = "ss_rescale_t"
    case ssIntervalStart = "ss_guidance_interval_start"
    case ssIntervalEnd = "ss_guidance_interval_end"
    case shapeSteps = "shape_slat_sampling_steps"
    case shapeGuidance = "shape_slat_guidance_strength"
    case shapeGuidanceRescale = "shape_slat_guidance_rescale"
    case shapeRescaleT = "shape_slat_rescale_t"
    case shapeIntervalStart = "shape_slat_guidance_interval_start"
    case shapeIntervalEnd = "shape_slat_guidance_interval_end"
    case texSteps = "tex_slat_sampling_steps"
    case texGuidance = "tex_slat_guidance_strength"
    case texGuidanceRescale = "tex_slat_guidance_rescale"
    case texRescaleT = "tex_slat_rescale_t"
    case texIntervalStart = "tex_slat_guidance_interval_start"
    case texIntervalEnd = "tex_slat_guidance_interval_end"
    case decimationTarget = "decimation_target"
    case textures
    case textureSize = "texture_size"
    case remesh
    case remeshBand = "remesh_band"
    case remeshProject = "remesh_project"
    case uvAngle = "uv_unwrap_angle_threshold_deg"
    case uvRefine = "uv_unwrap_refine_iterations"
    case uvGlobal = "uv_unwrap_global_iterations"
    case uvSmooth = "uv_unwrap_smooth_strength"
    case generateThumbnail = "generate_thumbnail"
    case numberResults = "number_results"

    /// By the case: Swift hashes an enum of text by its text, and these are looked up with each request.
    package func hash(into hasher: inout Hasher) { hasher.combine(ordinal) }

    package static func == (left: Self, right: Self) -> Bool { left.ordinal == right.ordinal }

    /// An enum of fewer than 257 cases without values is one byte, the number of its case.
    fileprivate var bit: UInt64 { 1 << UInt64(ordinal) }

    private var ordinal: UInt8 { unsafeBitCast(self, to: UInt8.self) }
}

extension Parameter {
    /// What values it takes, before any provider has its say.
    package enum Kind: Sendable, Hashable {
        /// A whole number out of a few; clients may write it as text too.
        case choice([Int64])
        case word([String])
        case integer(ClosedRange<Int64>)
        case number(ClosedRange<Double>)
        case flag
        /// The picture itself: checked elsewhere.
        case picture
    }

    /// The widest range any provider takes; each provider's own table then decides.
    package var kind: Kind {
        switch self {
        case .image, .imageURL: .picture
        case .resolution: .choice([512, 1024, 1536])
        case .pipelineType: .word(["512", "1024_cascade", "1536_cascade"])
        case .maxTokens: .integer(1024...131_072)
        case .preprocessImage, .textures, .remesh, .generateThumbnail: .flag
        case .seed: .integer(0...2_147_483_647)
        case .steps: .integer(1...50)
        case .ssSteps, .shapeSteps, .texSteps: .integer(1...64)
        case .ssGuidance, .shapeGuidance, .texGuidance: .number(0...20)
        case .ssGuidanceRescale, .shapeGuidanceRescale, .texGuidanceRescale: .number(0...2)
        case .ssRescaleT, .shapeRescaleT, .texRescaleT: .number(0...20)
        case .ssIntervalStart, .ssIntervalEnd, .shapeIntervalStart, .shapeIntervalEnd, .texIntervalStart,
            .texIntervalEnd:
            .number(0...1)
        case .decimationTarget: .integer(1000...16_000_000)
        case .textureSize: .choice([1024, 2048, 4096])
        case .remeshBand: .number(0...5)
        case .remeshProject: .number(0...1)
        case .uvAngle: .number(1...180)
        case .uvRefine, .uvGlobal: .integer(0...10)
        case .uvSmooth: .number(0...10)
        case .numberResults: .integer(1...4)
        }
    }

    /// The value when the request names none. `seed` has none: one is drawn. `pipeline_type` has none: it
    /// follows from the resolution. A stage's steps have none: they follow from `steps`.
    package var standard: ParameterValue? {
        switch self {
        case .image, .imageURL, .seed, .pipelineType, .ssSteps, .shapeSteps, .texSteps: nil
        case .resolution: .integer(1024)
        case .maxTokens: .integer(49_152)
        case .preprocessImage, .remesh: .flag(true)
        case .textures, .generateThumbnail: .flag(false)
        case .steps: .integer(12)
        case .ssGuidance, .shapeGuidance: .number(7.5)
        case .texGuidance: .number(1)
        case .ssGuidanceRescale: .number(0.7)
        case .shapeGuidanceRescale: .number(0.5)
        case .texGuidanceRescale: .number(0)
        case .ssRescaleT: .number(5)
        case .shapeRescaleT, .texRescaleT: .number(3)
        case .ssIntervalStart, .shapeIntervalStart, .texIntervalStart: .number(0.6)
        case .ssIntervalEnd, .shapeIntervalEnd: .number(1)
        case .texIntervalEnd: .number(0.9)
        case .decimationTarget: .integer(1_000_000)
        case .textureSize: .integer(2048)
        case .remeshBand: .number(1)
        case .remeshProject: .number(0)
        case .uvAngle: .number(90)
        case .uvRefine: .integer(0)
        case .uvGlobal, .numberResults: .integer(1)
        case .uvSmooth: .number(1)
        }
    }
}

extension Parameter {
    /// The flag without which the model is the same whatever this parameter says.
    package var matteredBy: Parameter? {
        switch self {
        case .textureSize, .texSteps, .texGuidance, .texGuidanceRescale, .texRescaleT, .texIntervalStart,
            .texIntervalEnd, .uvAngle, .uvRefine, .uvGlobal, .uvSmooth:
            .textures
        case .remeshBand, .remeshProject: .remesh
        default: nil
        }
    }

    /// Begin and end of each stage's guidance interval.
    package static let intervals: [(start: Parameter, end: Parameter)] = [
        (.ssIntervalStart, .ssIntervalEnd), (.shapeIntervalStart, .shapeIntervalEnd),
        (.texIntervalStart, .texIntervalEnd),
    ]
}

package enum ParameterValue: Hashable, Sendable, CustomStringConvertible {
    case integer(Int64)
    case number(Double)
    case flag(Bool)
    case word(String)

    package var description: String {
        switch self {
        case .integer(let value): String(value)
        case .number(let value): value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
        case .flag(let value): String(value)
        case .word(let value): value
        }
    }
}

/// The values of one request: what was given, over what is standard.
package struct Parameters: Hashable, Sendable {
    /// Only what the request said (or what an adjustment put there).
    package var given: [Parameter: ParameterValue] {
        didSet { named = Self.names(in: given) }
    }
    /// A bit for each parameter in `given`: tables ask for all of them, and most are not there.
    private var named: UInt64

    package init(_ given: [Parameter: ParameterValue] = [:]) {
        self.given = given
        named = Self.names(in: given)
    }

    private static func names(in given: [Parameter: ParameterValue]) -> UInt64 {
        given.keys.reduce(0) { $0 | $1.bit }
    }

    /// The value in force, if there is one.
    package subscript(_ parameter: Parameter) -> ParameterValue? {
        if named & parameter.bit != 0 { return given[parameter] }
        switch parameter {
        case .ssSteps, .shapeSteps, .texSteps: return self[.steps]
        case .pipelineType: return .word(Self.pipeline(forResolution: integer(.resolution)))
        default: return parameter.standard
        }
    }

    private static func pipeline(forResolution resolution: Int64) -> String {
        switch resolution {
        case 512: "512"
        case 1536: "1536_cascade"
        default: "1024_cascade"
        }
    }

    /// Those that are not what they would be if the request had not named them, in the order of the list.
    package var changed: [Parameter] {
        if given.isEmpty { return [] }
        return Parameter.allCases.filter { parameter in
            guard given[parameter] != nil else { return false }
            var without = self
            without.given[parameter] = nil
            return without[parameter] != self[parameter]
        }
    }

    package func integer(_ parameter: Parameter) -> Int64 {
        guard case .integer(let value)? = self[parameter] else { return 0 }
        return value
    }

    package func flag(_ parameter: Parameter) -> Bool {
        if case .flag(true)? = self[parameter] { true } else { false }
    }

    package var seed: Int64? {
        guard case .integer(let value)? = given[.seed] else { return nil }
        return value
    }
}
