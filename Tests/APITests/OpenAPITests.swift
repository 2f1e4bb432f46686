import Domain
import HTTP
import JSON
import Testing

@testable import API

struct OpenAPITests {
    private let document: JSONValue

    init() throws {
        let surroundings = Rig.surroundings()
        let openAPI = OpenAPI(publicURL: "http://127.0.0.1:8080", settings: API.Settings(), around: surroundings)
        document = try JSONReader.value(of: openAPI.bytes(for: API.endpoints))
    }

    @Test func `has exactly the rows of the route table`() {
        var documented: Set<String> = []
        for path in document["paths"]?.object?.members ?? [] {
            for method in path.value.object?.members ?? [] {
                documented.insert("\(method.name.uppercased()) \(path.name)")
            }
        }
        let served = Set(API.endpoints.map { "\($0.method.name) \(OpenAPI.path($0.pattern))" })
        #expect(documented == served)
    }

    @Test func `refers to nothing that is not there`() {
        var missing: [String] = []
        func walk(_ value: JSONValue) {
            switch value {
            case .object(let object):
                for member in object.members {
                    if member.name == "$ref", let reference = member.value.string {
                        let parts = reference.split(separator: "/").dropFirst().map(String.init)
                        let found = parts.reduce(document as JSONValue?) { $0?[$1] }
                        if found == nil { missing.append(reference) }
                    }
                    walk(member.value)
                }
            case .array(let items): items.forEach(walk)
            default: break
            }
        }
        walk(document)
        #expect(missing.isEmpty)
    }

    @Test(arguments: [400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 429, 431, 500, 503])
    func `documents every status with an example`(status: Int) {
        let response = document["components"]?["responses"]?["Error\(status)"]
        let code = response?["content"]?["application/json"]?["example"]?["error"]?["code"]?.string
        #expect(code?.isEmpty == false)
    }

    @Test func `says of submit what the seed's table says`() {
        let submit = document["paths"]?["/v1/3d-models/trellis2/generate/"]?["post"]?["responses"]?.object?.names
        let wanted: Set = ["200", "400", "401", "402", "403", "409", "413", "415", "422", "429", "500", "503"]
        #expect(wanted.subtracting(submit ?? []).isEmpty)
    }

    @Test func `names every field that a submit takes`() {
        let schema = document["components"]?["schemas"]?["GenerationRequest"]?["properties"]?.object?.names ?? []
        #expect(Set(schema) == Set(GenerationBody.names))
    }

    @Test func `is shown in a page without script`() {
        let openAPI = OpenAPI(
            publicURL: "http://127.0.0.1:8080", settings: API.Settings(), around: Rig.surroundings())
        let page = String(decoding: DocsPage(document: openAPI, endpoints: API.endpoints).bytes, as: UTF8.self)
        #expect(!page.contains("<script") && !page.contains("http-equiv") && !page.contains("src="))
        for endpoint in API.endpoints { #expect(page.contains("id=\"\(endpoint.operation.id)\"")) }
        #expect(!page.contains("`"))
    }

    @Test func `shows every field of every body to people too`() throws {
        let openAPI = OpenAPI(
            publicURL: "http://127.0.0.1:8080", settings: API.Settings(), around: Rig.surroundings())
        let page = String(decoding: DocsPage(document: openAPI, endpoints: API.endpoints).bytes, as: UTF8.self)
        let bodies = Set(API.endpoints.compactMap(\.operation.request))
        #expect(bodies.count > 10)
        for body in bodies {
            let schema = try #require(document["components"]?["schemas"]?[body])
            #expect(page.contains("<table id=\"\(body)\">"), "\(body)")
            for field in schema["properties"]?.object?.members ?? [] {
                #expect(page.contains("<td><code>\(field.name)</code></td>"), "\(body).\(field.name)")
                #expect(field.value["description"]?.string?.isEmpty == false, "\(body).\(field.name)")
            }
        }
        #expect(page.contains("<td>whole number from 1 to 4</td>"))
    }
}
