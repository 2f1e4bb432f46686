import Domain
import JSON

/// The schema of a submit, from the parameters themselves.
struct GenerationSchema {
    private let providers: [String]
    private let longestTTL: Int64
    private let deadline: Int64

    init(_ document: OpenAPI) {
        providers = document.around.providers().filter(\.isEnabled).map(\.id.rawValue)
        longestTTL = Int64(document.settings.longestTTL.inSeconds)
        deadline = Int64(document.settings.taskDeadline.inSeconds)
    }

    func write(to json: inout JSONWriter) {
        json.member("type", "object")
        json.member("additionalProperties", false)
        json.member("description", "Exactly one of image and image_url. null counts as absent.")
        json.array("oneOf") { json in
            for (name, other) in [("image", "image_url"), ("image_url", "image")] {
                json.object { json in
                    json.array("required") { $0.string(name) }
                    json.object("properties") { json in
                        json.object(name) { $0.member("type", "string") }
                        json.object(other) { $0.member("type", "null") }
                    }
                }
            }
        }
        json.object("properties") { json in
            for parameter in Parameter.allCases { json.object(parameter.rawValue) { write(parameter, to: &$0) } }
            for (name, text) in extensions {
                json.key(name)
                json.raw(text)
            }
        }
        json.key("example")
        json.raw(
            #"{"image_url":"https://example.com/chair.png","resolution":"1024","textures":true,"texture_size":2048,"generate_thumbnail":true}"#
        )
    }

    private func write(_ parameter: Parameter, to json: inout JSONWriter) {
        json.member("description", Self.words(for: parameter))
        switch parameter.kind {
        case .picture:
            Self.orNull("string", to: &json)
            json.member("format", parameter == .image ? "picture" : "uri")
            json.member("minLength", 1)
        case .choice(let choices):
            json.array("enum") { json in
                for choice in choices {
                    json.string(String(choice))
                    json.integer(choice)
                }
                json.null()
            }
        case .word(let words):
            json.array("enum") { json in
                for word in words { json.string(word) }
                json.null()
            }
        case .integer(let range):
            Self.orNull("integer", to: &json)
            json.member("minimum", range.lowerBound)
            json.member("maximum", range.upperBound)
        case .number(let range):
            Self.orNull("number", to: &json)
            json.member("minimum", ParameterValue.number(range.lowerBound).json)
            json.member("maximum", ParameterValue.number(range.upperBound).json)
        case .flag: Self.orNull("boolean", to: &json)
        }
        guard let standard = parameter.standard else { return }
        // The seed writes the resolution in quotes.
        json.member("default", parameter == .resolution ? .string(standard.description) : standard.json)
    }

    /// null is the same as absent.
    private static func orNull(_ type: String, to json: inout JSONWriter) {
        json.array("type") {
            $0.string(type)
            $0.string("null")
        }
    }

    private var extensions: [(String, String)] {
        let ids = providers.map { "\"\($0)\"" }.joined(separator: ",")
        let any = (["\"auto\""] + (ids.isEmpty ? [] : [ids])).joined(separator: ",")
        let list = ids.isEmpty ? "\"type\":\"string\"" : "\"enum\":[\(ids)]"
        return [
            (
                "provider",
                #"{"description":"auto, one provider, or a list in order of preference.","default":"auto","anyOf":[{"enum":[\#(any),null]},{"type":"array","minItems":1,"maxItems":16,"items":{\#(list)}}]}"#
            ),
            (
                "fallback",
                #"{"type":["boolean","null"],"description":"On a provider's failure, try the next that fits."}"#
            ),
            (
                "on_unsupported",
                #"{"enum":["refuse","adjust",null],"default":"refuse","description":"When no provider can take a value as it is: refuse, or use the nearest and say so in adjustments."}"#
            ),
            (
                "webhook_url",
                #"{"type":["string","null"],"format":"uri","maxLength":8192,"description":"Called once with the task's events."}"#
            ),
            (
                "upload_url",
                #"{"type":["string","null"],"format":"uri","maxLength":8192,"description":"A presigned address the GLB is PUT to."}"#
            ),
            (
                "response_format",
                #"{"enum":["url","b64_json",null],"default":"url","description":"Whether status carries an address or the model itself."}"#
            ),
            (
                "ttl",
                #"{"type":["integer","null"],"minimum":60,"maximum":\#(longestTTL),"description":"Seconds the result is kept."}"#
            ),
            (
                "include_cost",
                #"{"type":["boolean","null"],"default":false,"description":"Adds the credits' fate to status."}"#
            ),
            (
                "metadata",
                #"{"type":["object","null"],"maxProperties":16,"propertyNames":{"minLength":1,"maxLength":64},"additionalProperties":{"type":"string","maxLength":512},"description":"Echoed in status, lists and webhooks."}"#
            ),
            (
                "priority",
                #"{"enum":["normal","low",null],"default":"normal","description":"Low waits until nothing normal does."}"#
            ),
            (
                "cancel_after",
                #"{"type":["integer","null"],"minimum":1,"maximum":\#(deadline),"description":"Seconds until the gateway gives up."}"#
            ),
            (
                "start_within",
                #"{"type":["integer","null"],"minimum":1,"maximum":\#(deadline),"description":"Seconds until a provider must have started."}"#
            ),
        ]
    }

    static func words(for parameter: Parameter) -> String {
        switch parameter {
        case .image: "The picture: a data URI or bare base64 of a PNG, JPEG or WebP, or its https address."
        case .imageURL: "The address of the picture."
        case .resolution: "Voxel grid resolution; higher is finer and slower."
        case .pipelineType: "The reference pipeline's own word for the resolution."
        case .maxTokens: "The most sparse tokens before the resolution is lowered."
        case .preprocessImage: "Remove the background and crop."
        case .seed: "The same seed at the same provider gives the same model. One is drawn if none is given."
        case .steps: "Sampling steps of every stage."
        case .decimationTarget: "Faces to simplify the mesh to."
        case .textures: "A GLB with PBR materials, or geometry only."
        case .textureSize: "Side of the textures in pixels; only with textures."
        case .remesh, .remeshBand, .remeshProject: "Remeshing before export."
        case .uvAngle, .uvRefine, .uvGlobal, .uvSmooth: "UV unwrapping."
        case .generateThumbnail: "A 400×400 picture of the model, for 2 credits."
        case .numberResults: "How many models, with different seeds; the price multiplies."
        case .ssSteps, .ssGuidance, .ssGuidanceRescale, .ssRescaleT, .ssIntervalStart, .ssIntervalEnd:
            "Sampler of the sparse structure stage."
        case .shapeSteps, .shapeGuidance, .shapeGuidanceRescale, .shapeRescaleT, .shapeIntervalStart,
            .shapeIntervalEnd:
            "Sampler of the shape stage."
        case .texSteps, .texGuidance, .texGuidanceRescale, .texRescaleT, .texIntervalStart, .texIntervalEnd:
            "Sampler of the texture stage."
        }
    }
}
