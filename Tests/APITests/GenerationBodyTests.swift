import Domain
import HTTP
import JSON
import Testing

@testable import API

struct GenerationBodyTests {
    // MARK: Every parameter against the table of what may go wrong

    /// A parameter, a value as JSON, and whether it is taken.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let json: String
        let taken: Bool
        var testDescription: String { "\(name): \(json)" }
    }

    static let cases: [Case] = Parameter.allCases.flatMap { parameter -> [Case] in
        let name = parameter.rawValue
        func taken(_ values: [String]) -> [Case] { values.map { Case(name: name, json: $0, taken: true) } }
        func refused(_ values: [String]) -> [Case] { values.map { Case(name: name, json: $0, taken: false) } }
        switch parameter.kind {
        case .picture: return []
        case .choice(let choices):
            return taken(choices.flatMap { ["\($0)", "\"\($0)\"", "\($0).0"] })
                + refused(["777", "\"777\"", "true", "[]", "{}", "\"\"", "3072", "-1024", "1e400"])
        case .word(let words):
            return taken(words.map { "\"\($0)\"" }) + refused(["\"1024\"", "1024", "true", "\"\"", "[]"])
        case .integer(let range):
            return taken(["\(range.lowerBound)", "\(range.upperBound)", "\(range.lowerBound).0"])
                + refused([
                    "\(range.lowerBound - 1)", "\(range.upperBound + 1)", "\"\(range.upperBound)\"", "true", "[]",
                    "{}", "\(range.lowerBound).5", "9223372036854775808", "1e400", "-0.5",
                ])
        case .number(let range):
            let (low, high) = (range.lowerBound, range.upperBound)
            return taken(["\(low)", "\(high)", "\((low + high) / 2)"])
                + refused(["\(low - 0.001)", "\(high + 0.001)", "\"\(high)\"", "true", "[]", "1e400"])
        case .flag: return taken(["true", "false"]) + refused(["1", "0", "\"true\"", "[]"])
        }
    }

    @Test(arguments: cases) func `takes what the table allows and refuses the rest by name`(row: Case) throws {
        // An interval's ends are judged together: give the other end room.
        let pair =
            row.name.hasSuffix("_start")
            ? #","\#(row.name.dropLast(6))_end":1"#
            : row.name.hasSuffix("_interval_end") ? #","\#(row.name.dropLast(4))_start":0"# : ""
        let body = #"{"image_url":"https://example.com/a.png","\#(row.name)":\#(row.json)\#(pair)}"#
        let result = Self.read(body)
        if row.taken {
            let request = try result.get().request
            #expect(request.parameters.given[try #require(Parameter(rawValue: row.name))] != nil)
        } else {
            let faults = Self.faults(result)
            #expect(faults.map(\.parameter) == [row.name])
            #expect(faults.first?.message.contains(row.name) == true)
        }
    }

    @Test(arguments: Parameter.allCases.filter { $0.kind != .picture })
    func `takes null for absent`(parameter: Parameter) throws {
        let body = #"{"image_url":"https://example.com/a.png","image":null,"\#(parameter.rawValue)":null}"#
        #expect(try Self.read(body).get().request.parameters.given.isEmpty)
    }

    @Test func `names all that is wrong at once`() {
        let body = #"{"steps":0,"texture_size":777,"ttl":5,"colour":"red","seed":-1,"metadata":{"a":1},"provider":7}"#
        let names = Set(Self.faults(Self.read(body)).map(\.parameter))
        #expect(names == ["steps", "texture_size", "ttl", "colour", "seed", "metadata.a", "provider", "image"])
    }

    @Test(arguments: [
        (#""texture_size":4096"#, ["texture_size"]),
        (
            #""textures":false,"uv_unwrap_refine_iterations":2,"tex_slat_sampling_steps":20"#,
            ["tex_slat_sampling_steps", "uv_unwrap_refine_iterations"]
        ),
        (#""remesh":false,"remesh_band":2,"remesh_project":0.5"#, ["remesh_band", "remesh_project"]),
        (#""textures":true,"texture_size":4096,"tex_slat_sampling_steps":20,"remesh_band":2"#, []),
        (#""textures":true,"texture_size":null"#, []),
    ]) func `says what makes no difference`(fields: String, named: [String]) throws {
        let body = try Self.read(#"{"image_url":"https://example.com/a.png",\#(fields)}"#).get()
        #expect(body.adjustments.map(\.parameter) == named)
        #expect(body.adjustments.allSatisfy { $0.from != nil && $0.to == nil })
    }

    // MARK: Names

    @Test(arguments: [
        ("texture_sise", "texture_size"), ("textuer_size", "texture_size"), ("Resolution", "resolution"),
        ("image_uri", "image_url"), ("generate_thumbnails", "generate_thumbnail"), ("web_hook_url", "webhook_url"),
        ("ss_guidance_strenght", "ss_guidance_strength"),
    ])
    func `answers a misspelt name with the nearest`(wrong: String, right: String) {
        let faults = Self.faults(Self.read(#"{"image_url":"https://example.com/a.png","\#(wrong)":1}"#))
        #expect(faults.map(\.parameter) == [wrong])
        #expect(faults.first?.suggestion == "Did you mean \(right)?")
    }

    @Test func `does not guess when nothing is near`() {
        let faults = Self.faults(Self.read(#"{"image_url":"https://example.com/a.png","zzzzqqqq":1}"#))
        #expect(faults.first?.suggestion?.contains("Did you mean") == false)
    }

    /// To guess takes longer than to read: a body of nothing but odd names must not cost much.
    @Test func `guesses at a few names only, and names them all`() {
        let names = (0..<300).map { "textur\(String($0, radix: 36))x" }
        let faults = Self.faults(Self.read("{" + names.map { "\"\($0)\":1" }.joined(separator: ",") + "}"))
        #expect(faults.filter { $0.message.hasSuffix("is not a field of this API.") }.count == 300)
        #expect(faults.filter { $0.suggestion?.hasPrefix("Did you mean textures") == true }.count == 8)
    }

    @Test func `leaves out what clients of 3D AI Studio send and says so`() throws {
        let body = #"{"image_url":"https://example.com/a.png","enable_pbr":true,"model":"trellis2","prompt":null}"#
        #expect(try Self.read(body).get().adjustments.map(\.parameter) == ["enable_pbr", "model"])
    }

    // MARK: The picture

    @Test(arguments: [
        "{}", #"{"image":null}"#, #"{"image":"AAAA","image_url":"https://example.com/a.png"}"#, #"{"image":7}"#,
        #"{"image_url":"ftp://example.com/a.png"}"#, #"{"image_url":"example.com/a.png"}"#, #"{"image_url":""}"#,
        #"{"image_url":"https://user:pass@example.com/a.png"}"#, #"{"image_url":"https:///a.png"}"#,
        #"{"image_url":"https://example.com/a b.png"}"#, #"{"image_url":["https://example.com/a.png"]}"#,
        #"{"image_url":"https://:80/"}"#, #"{"image_url":"file:///etc/passwd"}"#,
    ])
    func `wants exactly one picture`(body: String) {
        #expect(Self.faults(Self.read(body)).count == 1)
    }

    @Test func `takes an address in image for image_url`() throws {
        for body in [#"{"image":"https://example.com/a.png"}"#, #"{"image":"HTTP:\/\/example.com\/a.png"}"#] {
            guard case .url(let url) = try Self.read(body).get().picture else {
                Issue.record("not taken as an address")
                continue
            }
            #expect(url.lowercased().hasSuffix("://example.com/a.png"))
        }
    }

    @Test func `asks the egress rules about every address`() {
        let body =
            #"{"image_url":"https://inside/a","webhook_url":"https://inside/b","upload_url":"https://inside/c"}"#
        let faults = Self.faults(Self.read(body, objection: { $0.contains("inside") ? "leads inside." : nil }))
        #expect(Set(faults.map(\.parameter)) == ["image_url", "webhook_url", "upload_url"])
        #expect(faults.allSatisfy { $0.message.hasSuffix("leads inside.") })
    }

    // MARK: Values that hang together

    @Test func `refuses an interval that ends before it starts, against the standard too`() {
        let faults = Self.faults(
            Self.read(#"{"image_url":"https://example.com/a.png","tex_slat_guidance_interval_start":0.95}"#))
        #expect(faults.map(\.parameter) == ["tex_slat_guidance_interval_end"])
    }

    @Test func `takes the resolution from the pipeline type and refuses a contradiction`() throws {
        let alone = try Self.read(#"{"image_url":"https://example.com/a.png","pipeline_type":"1536_cascade"}"#).get()
        #expect(alone.request.parameters.integer(.resolution) == 1536)
        let both = #"{"image_url":"https://example.com/a.png","pipeline_type":"1536_cascade","resolution":512}"#
        #expect(Self.faults(Self.read(both)).map(\.parameter) == ["pipeline_type"])
    }

    // MARK: The gateway's own fields

    @Test func `reads the choice of providers`() throws {
        func choice(_ json: String) throws -> ProviderChoice {
            try Self.read(#"{"image_url":"https://example.com/a.png","provider":\#(json)}"#).get().request.choice
        }
        #expect(try choice(#""auto""#) == .auto)
        #expect(try choice(#""fal""#) == .only(["fal"]))
        #expect(try choice(#"["fal","sandbox","fal"]"#) == .only(["fal", "sandbox"]))
        let faults = Self.faults(Self.read(#"{"image_url":"https://example.com/a.png","provider":"sandbux"}"#))
        #expect(faults.first?.suggestion == "Did you mean sandbox?")
    }

    @Test(arguments: [
        (#""provider":["auto","fal"]"#, #""auto" stands alone in provider"#, #"Send "provider": "auto""#),
        (#""provider":["auto"]"#, #""auto" stands alone in provider"#, #"Send "provider": "auto""#),
        (#""provider":"openai""#, #"no provider "openai""#, "There are auto, fal, sandbox."),
        (#""provider":[]"#, #"got "an array of 0"."#, ""), (#""provider":7"#, "got 7.", ""),
        (#""metadata":{"a":1}"#, "got 1.", ""), (#""metadata":{"a":[1]}"#, #"got "an array of 1"."#, ""),
    ])
    func `says what was got, and what would do`(field: String, message: String, suggestion: String) {
        let faults = Self.faults(Self.read(#"{"image_url":"https://example.com/a.png",\#(field)}"#))
        #expect(faults.count == 1 && faults[0].message.contains(message), "\(faults)")
        let told = faults.first?.suggestion ?? ""
        #expect(told.hasPrefix(suggestion), "\(faults)")
    }

    @Test func `falls back by default unless one provider is named`() throws {
        func fallback(_ rest: String) throws -> Bool {
            try Self.read(#"{"image_url":"https://example.com/a.png"\#(rest)}"#).get().request.fallback
        }
        #expect(try fallback(""))
        #expect(try fallback(#","provider":["fal","sandbox"]"#))
        #expect(try !fallback(#","provider":"fal""#))
        #expect(try fallback(#","provider":"fal","fallback":true"#))
        #expect(try !fallback(#","fallback":false"#))
    }

    @Test func `bounds metadata`() throws {
        func read(_ json: String) -> Result<GenerationBody, Refusal> {
            Self.read(#"{"image_url":"https://example.com/a.png","metadata":\#(json)}"#)
        }
        func faults(_ json: String) -> [String] { Self.faults(read(json)).map(\.parameter) }
        let many = (0..<17).map { "\"k\($0)\":\"v\"" }.joined(separator: ",")
        #expect(faults("{\(many)}") == ["metadata"])
        #expect(faults("[]") == ["metadata"])
        #expect(faults(#"{"":"v"}"#) == ["metadata."])
        #expect(faults(#"{"k":null}"#) == ["metadata.k"])
        #expect(faults("{\"k\":\"\(String(repeating: "x", count: 513))\"}") == ["metadata.k"])
        #expect(try read("{\"k\":\"\(String(repeating: "é", count: 512))\"}").get().request.metadata.count == 1)
    }

    @Test func `takes the webhook from the header, once`() throws {
        let body = #"{"image_url":"https://example.com/a.png","webhook_url":"https://example.com/h"}"#
        let header = #"{"image_url":"https://example.com/a.png"}"#
        #expect(try Self.read(body).get().request.webhookURL == "https://example.com/h")
        let given: Headers = ["X-Webhook-URL": "https://example.com/h"]
        #expect(try Self.read(header, headers: given).get().request.webhookURL == "https://example.com/h")
        #expect(try Self.read(body, headers: given).get().request.webhookURL == "https://example.com/h")
        let other: Headers = ["X-Webhook-URL": "https://example.com/other"]
        #expect(Self.faults(Self.read(body, headers: other)).map(\.parameter) == ["webhook_url"])
        let bad: Headers = ["X-Webhook-URL": "gopher://example.com/"]
        #expect(Self.faults(Self.read(header, headers: bad)).map(\.parameter) == ["X-Webhook-URL"])
    }

    // MARK: Bodies that are none

    @Test(arguments: [
        "", "{", "[]", "null", "\"x\"", "{\"a\":1,\"a\":2}", "{\"steps\":NaN}", "{\"steps\":Infinity}",
        "{\"steps\":012}", "{\"image_url\":\"\u{1}\"}", "{}{}",
    ])
    func `refuses what is no JSON object`(body: String) {
        guard case .failure(.badJSON) = Self.read(body) else {
            Issue.record("not refused as JSON: \(body)")
            return
        }
    }

    @Test func `never echoes a picture`() {
        let picture = String(repeating: "QUJD", count: 400)
        for refusal in [Self.read("{\"image\":\"\(picture)\",\"image_url\":\"\(picture)\"}")] {
            guard case .failure(let refusal) = refusal else { continue }
            let text = String(decoding: ErrorBody(refusal).bytes(for: .made(0, 0)), as: UTF8.self)
            #expect(!text.contains("QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD"))
        }
    }

    // MARK: Inside

    static func read(
        _ body: String, headers: Headers = [:], objection: @escaping (String) -> String? = { _ in nil }
    ) -> Result<GenerationBody, Refusal> {
        let endpoint = API.generations[0]
        let call = Call(
            request: HTTPRequest(.post, endpoint.pattern, headers: headers, body: Array(body.utf8)),
            endpoint: endpoint, route: .unmatched, parameters: [], caller: .nobody, settings: API.Settings(),
            now: Instant(milliseconds: 0))
        let rules = GenerationBody.Rules(
            settings: API.Settings(), providers: { ["fal", "sandbox"] }, objection: objection)
        do throws(Refusal) { return .success(try GenerationBody(call, rules)) } catch { return .failure(error) }
    }

    static func faults(_ result: Result<GenerationBody, Refusal>) -> [FieldFault] {
        guard case .failure(.invalid(let faults)) = result else {
            Issue.record("not refused for its fields: \(result)")
            return []
        }
        return faults
    }
}
