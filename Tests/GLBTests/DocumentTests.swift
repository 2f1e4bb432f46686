import GLB
import Testing

/// A document that is wrong in one way: what is replaced in the triangle's, by what, and the fault that must come.
struct Wrong: CustomTestStringConvertible {
    let what: String
    let old: String
    let new: String
    let code: GLBFault.Code

    init(_ what: String, _ old: String, _ new: String, _ code: GLBFault.Code) {
        (self.what, self.old, self.new, self.code) = (what, old, new, code)
    }

    var testDescription: String { what }

    static let all: [Wrong] = [
        Wrong("no JSON", "{\"asset\"", "[\"asset\"", .badJSON),
        Wrong("a doubled name", "\"scene\":0,", "\"scene\":0,\"scene\":0,", .badJSON),
        Wrong("no asset", "\"asset\":{\"version\":\"2.0\"},", "", .badDocument),
        Wrong("no version", "\"version\":\"2.0\"", "\"generator\":\"x\"", .badDocument),
        Wrong("version 1", "\"2.0\"", "\"1.0\"", .wrongVersion),
        Wrong("a scene that is not there", "\"scene\":0", "\"scene\":1", .outOfBounds),
        Wrong("a node that is not there", "[{\"nodes\":[0]}]", "[{\"nodes\":[1]}]", .outOfBounds),
        Wrong("a mesh that is not there", "\"mesh\":0", "\"mesh\":7", .outOfBounds),
        Wrong("an index that is text", "\"mesh\":0", "\"mesh\":\"0\"", .badDocument),
        Wrong("an index that is broken", "\"mesh\":0", "\"mesh\":0.5", .badDocument),
        Wrong("an accessor that is not there", "\"POSITION\":0", "\"POSITION\":9", .outOfBounds),
        Wrong("a negative index", "\"POSITION\":0", "\"POSITION\":-1", .badDocument),
        Wrong("no primitives", "[{\"attributes\":{\"POSITION\":0},\"indices\":1}]", "[]", .badDocument),
        Wrong("an unknown mode", "\"indices\":1", "\"indices\":1,\"mode\":9", .badDocument),
        Wrong("only a line", "\"indices\":1", "\"indices\":1,\"mode\":3", .noTriangles),
        Wrong("a material that is not there", "\"indices\":1", "\"indices\":1,\"material\":0", .outOfBounds),
        Wrong("a node that is its own child", "{\"mesh\":0}", "{\"mesh\":0,\"children\":[0]}", .notATree),
        Wrong(
            "nodes in a ring", "[{\"mesh\":0}]", "[{\"mesh\":0},{\"children\":[2]},{\"children\":[1]}]", .notATree),
        Wrong(
            "a child of two", "[{\"mesh\":0}]", "[{\"mesh\":0},{\"children\":[0]},{\"children\":[0]}]", .notATree),
        Wrong("a matrix of three", "{\"mesh\":0}", "{\"mesh\":0,\"matrix\":[1,2,3]}", .badDocument),
        Wrong(
            "a matrix and a scale", "{\"mesh\":0}",
            "{\"mesh\":0,\"scale\":[1,1,1],\"matrix\":[1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]}", .badDocument),
        Wrong("a place beyond all numbers", "{\"mesh\":0}", "{\"mesh\":0,\"translation\":[1e999,0,0]}", .badDocument),
        Wrong("a count of none", "\"count\":3,\"type\":\"VEC3\"", "\"count\":0,\"type\":\"VEC3\"", .badDocument),
        Wrong(
            "a count of a trillion", "\"count\":3,\"type\":\"VEC3\"", "\"count\":1000000000000,\"type\":\"VEC3\"",
            .outOfBounds),
        Wrong(
            "a count beyond 2^53", "\"count\":3,\"type\":\"VEC3\"", "\"count\":9223372036854775807,\"type\":\"VEC3\"",
            .badDocument),
        Wrong("an unknown kind of number", "5126", "5124", .badDocument),
        Wrong("an unknown shape", "\"VEC3\"", "\"VEC5\"", .badDocument),
        Wrong("flat positions", "\"VEC3\",\"min\":[0,0,0],\"max\":[1,1,0]", "\"VEC2\"", .badDocument),
        Wrong("bounds of two", "\"min\":[0,0,0]", "\"min\":[0,0]", .badDocument),
        Wrong("indices that are floats", "5123", "5126", .outOfBounds),
        Wrong("an odd start", "\"bufferView\":1", "\"bufferView\":1,\"byteOffset\":1", .outOfBounds),
        Wrong(
            "an odd view", "\"byteOffset\":36,\"byteLength\":6", "\"byteOffset\":35,\"byteLength\":6", .badDocument),
        Wrong("a view beyond its buffer", "\"byteLength\":6}", "\"byteLength\":8}", .outOfBounds),
        Wrong(
            "a view that wraps around", "\"byteOffset\":36,\"byteLength\":6",
            "\"byteOffset\":9007199254740990,\"byteLength\":6", .outOfBounds),
        Wrong("a stride of three", "\"byteLength\":36", "\"byteLength\":36,\"byteStride\":3", .badDocument),
        Wrong("a stride too short", "\"byteLength\":36", "\"byteLength\":36,\"byteStride\":8", .badDocument),
        Wrong("a stride too long", "\"byteLength\":36", "\"byteLength\":36,\"byteStride\":16", .outOfBounds),
        Wrong("a buffer beyond the chunk", "{\"byteLength\":42}", "{\"byteLength\":5000000000}", .outOfBounds),
        Wrong("no buffer", "\"buffers\":[{\"byteLength\":42}]", "\"buffers\":[]", .outOfBounds),
        Wrong("a second buffer", "{\"byteLength\":42}", "{\"byteLength\":42},{\"byteLength\":42}", .badDocument),
        Wrong(
            "a buffer elsewhere", "{\"byteLength\":42}", "{\"byteLength\":42,\"uri\":\"../other.bin\"}",
            .externalReference),
        Wrong(
            "a buffer in text", "{\"byteLength\":42}", "{\"byteLength\":42,\"uri\":\"data:;base64,AAAA\"}", .unsupported
        ),
        Wrong(
            "a picture elsewhere", "\"scene\":0", "\"scene\":0,\"images\":[{\"uri\":\"https://example.com/a.png\"}]",
            .externalReference),
        Wrong("a picture nowhere", "\"scene\":0", "\"scene\":0,\"images\":[{}]", .badDocument),
        Wrong("a texture of nothing", "\"scene\":0", "\"scene\":0,\"textures\":[{\"source\":0}]", .outOfBounds),
        Wrong(
            "sparse beyond the count", "\"count\":3,\"type\":\"VEC3\"",
            "\"count\":3,\"type\":\"VEC3\",\"sparse\":{\"count\":4,\"indices\":{},\"values\":{}}", .badDocument),
        Wrong(
            "sparse at an element that is not there", "\"count\":3,\"type\":\"VEC3\"",
            "\"count\":3,\"type\":\"VEC3\",\"sparse\":{\"count\":1,\"indices\":{\"bufferView\":0,\"byteOffset\":12,\"componentType\":5125},\"values\":{\"bufferView\":0}}",
            .outOfBounds),
        Wrong(
            "sparse going back", "\"count\":3,\"type\":\"VEC3\"",
            "\"count\":3,\"type\":\"VEC3\",\"sparse\":{\"count\":2,\"indices\":{\"bufferView\":0,\"componentType\":5121},\"values\":{\"bufferView\":0}}",
            .badDocument),
    ]
}

struct DocumentTests {
    @Test(arguments: Wrong.all) func `is refused by its right name`(wrong: Wrong) throws {
        let bytes = Forge.triangle.replacing(wrong.old, wrong.new).bytes
        let found = try #require(fault { _ = try GLB.check(bytes) })
        #expect(found.code == wrong.code, "\(found)")
        #expect(found.message.count < 300)
        // Whoever strips or draws the file unchecked comes to the same end.
        #expect(fault { _ = try Thumbnail.render(bytes, size: 8) }?.code == wrong.code)
    }

    @Test func `positions that are no numbers are refused with their place`() throws {
        for odd in [Float.nan, .infinity, -.infinity] {
            let bytes = Forge.triangle.with(binary: Forge.floats([0, 0, 0, 1, odd, 0, 0, 1, 0]) + [0, 0, 1, 0, 2, 0])
                .bytes
            let found = try #require(fault { _ = try GLB.check(bytes) })
            #expect(found.code == .notFinite)
            #expect(found.message.hasPrefix("position 1 in accessors[0] is (1.0, "))
        }
    }

    @Test func `an index beyond the vertices is refused with both figures`() {
        let bytes = Forge.triangle.with(binary: Forge.floats([0, 0, 0, 1, 0, 0, 0, 1, 0]) + [0, 0, 1, 0, 3, 0]).bytes
        #expect(
            fault { _ = try GLB.check(bytes) }?.message == "accessors[1] has the index 3, and there are 3 vertices")
    }

    @Test func `small departures are told and not refused`() throws {
        let lying = Forge.triangle.replacing("\"max\":[1,1,0]", "\"max\":[1,2,0]").bytes
        #expect(try GLB.check(lying).remarks == ["accessors[0] says its positions lie elsewhere than they do"])
        let silent = Forge.triangle.replacing(",\"min\":[0,0,0],\"max\":[1,1,0]", "").bytes
        #expect(try GLB.check(silent).remarks == ["accessors[0] holds positions and lacks min or max"])
        let strange = Forge.triangle.replacing(
            "\"scene\":0,", "\"scene\":0,\"extensionsUsed\":[\"X_y\"],\"extensionsRequired\":[\"X_y\"],"
        ).bytes
        #expect(try GLB.check(strange).remarks == ["the file requires the extension X_y, which is not known here"])
        #expect(try GLB.check(strange).extensions == ["X_y"])
    }

    @Test(arguments: ["KHR_draco_mesh_compression", "EXT_meshopt_compression"])
    func `compressed geometry passes unread, and is not drawn`(name: String) throws {
        let forge = Forge.triangle
            .replacing("\"scene\":0,", "\"scene\":0,\"extensionsUsed\":[\"\(name)\"],")
            .replacing("\"indices\":1", "\"indices\":1,\"extensions\":{\"KHR_draco_mesh_compression\":{}}")
        let summary = try GLB.check(forge.bytes)
        #expect((summary.faces, summary.vertices, summary.extensions) == (1, 3, [name]))
        #expect(summary.boundingBox == nil)
        #expect(fault { _ = try Thumbnail.render(forge.bytes) }?.code == .compressed)
    }

    @Test func `meshopt's fallback buffer needs no bytes`() throws {
        let forge = Forge.triangle
            .replacing(
                "[{\"byteLength\":42}]",
                "[{\"byteLength\":42},{\"byteLength\":36,\"extensions\":{\"EXT_meshopt_compression\":{\"fallback\":true}}}]"
            )
            .replacing(
                "[{\"buffer\":0,\"byteLength\":36}",
                "[{\"buffer\":1,\"byteLength\":36,\"extensions\":{\"EXT_meshopt_compression\":{\"buffer\":0}}}")
        #expect(try GLB.check(forge.bytes).faces == 1)
        #expect(fault { _ = try Thumbnail.render(forge.bytes) }?.code == .compressed)
    }

    @Test func `a picture that is not what it is called is told`() throws {
        let forge = Forge.triangle.replacing(
            "\"scene\":0,", "\"scene\":0,\"images\":[{\"bufferView\":0,\"mimeType\":\"image/png\"}],")
        #expect(try GLB.check(forge.bytes).remarks.first?.hasPrefix("images[0]: the picture must be") == true)
    }

    @Test func `deep nesting and a flood of values end early`() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(fault { _ = try GLB.check(Forge(json: deep, binary: []).bytes) }?.code == .badJSON)
        let many = "{\"asset\":{\"version\":\"2.0\"},\"extras\":[" + String(repeating: "0,", count: 600_000) + "0]}"
        #expect(fault { _ = try GLB.check(Forge(json: many, binary: []).bytes) }?.code == .badJSON)
    }

    @Test func `a long chain of nodes is walked without recursion`() throws {
        let count = 40_000
        let chain = (1..<count).map { "{\"children\":[\($0)]}" }.joined(separator: ",")
        let forge = Forge.triangle.replacing("[{\"mesh\":0}]", "[\(chain),{\"mesh\":0,\"translation\":[0,0,2]}]")
        #expect(try GLB.check(forge.bytes).boundingBox?.maximum == SIMD3(1, 1, 2))
    }

    @Test func `the same data named a thousand times is refused before it is read`() {
        let accessor = "{\"componentType\":5126,\"count\":50000000,\"type\":\"VEC3\"}"
        let accessors = Array(repeating: accessor, count: 100).joined(separator: ",")
        let primitives = (0..<100).map { "{\"attributes\":{\"POSITION\":\($0)}}" }.joined(separator: ",")
        let json =
            "{\"asset\":{\"version\":\"2.0\"},\"meshes\":[{\"primitives\":[\(primitives)]}],\"accessors\":[\(accessors)]}"
        #expect(fault { _ = try GLB.check(Forge(json: json, binary: []).bytes) }?.code == .tooLarge)
    }

    @Test func `parts shown a million times are refused`() {
        let primitives = Array(repeating: "{\"attributes\":{\"POSITION\":0},\"indices\":1}", count: 500)
        let nodes = Array(repeating: "{\"mesh\":0}", count: 500)
        let roots = (0..<500).map(String.init).joined(separator: ",")
        let forge = Forge.triangle
            .replacing("[{\"attributes\":{\"POSITION\":0},\"indices\":1}]", "[\(primitives.joined(separator: ","))]")
            .replacing("[{\"mesh\":0}]", "[\(nodes.joined(separator: ","))]")
            .replacing("{\"nodes\":[0]}", "{\"nodes\":[\(roots)]}")
        #expect(fault { _ = try GLB.check(forge.bytes) }?.code == .tooLarge)
    }
}
