import Foundation
import GLB
import JSON
import Testing

struct StrippingTests {
    @Test(arguments: Files.models) func `keeps the geometry and nothing else`(name: String) throws {
        try Files.withTemporaryFolder { folder in
            let output = folder.appending(path: "stripped.glb").path
            let before = try GLB.check(fileAt: Files.model(name))
            let after = try GLB.strippingTextures(fileAt: Files.model(name), to: output)
            #expect(after.vertices == before.vertices)
            #expect(after.faces == before.faces)
            #expect(after.meshes == before.meshes)
            #expect(after.boundingBox == before.boundingBox)
            #expect(!after.hasTextures)
            #expect(after.remarks == [])
            let names = try Set(document(output).object?.names ?? [])
            #expect(names.isDisjoint(with: ["materials", "textures", "images", "samplers", "animations", "skins"]))
            for attributes in try attributes(output) {
                #expect(Set(attributes).isSubset(of: ["POSITION", "NORMAL"]))
            }
        }
    }

    @Test func `stripping what is stripped changes nothing`() throws {
        try Files.withTemporaryFolder { folder in
            let once = folder.appending(path: "once.glb").path
            let twice = folder.appending(path: "twice.glb").path
            _ = try GLB.strippingTextures(fileAt: Files.model("textured-webp"), to: once)
            _ = try GLB.strippingTextures(fileAt: once, to: twice)
            let (first, second) = (try Files.bytes(once), try Files.bytes(twice))
            // But for the generator's name, which says who was at it.
            #expect(first.suffix(40_000) == second.suffix(40_000))
        }
    }

    @Test func `is smaller than a textured source`() throws {
        try Files.withTemporaryFolder { folder in
            let source = folder.appending(path: "source.glb")
            try Data(SampleModel.build(faces: 5_000, texture: .webp, side: 256, seed: 1)).write(to: source)
            let after = try GLB.strippingTextures(fileAt: source.path, to: folder.appending(path: "out.glb").path)
            #expect(after.byteCount < (try Files.bytes(source.path)).count)
            #expect(after.hasNormals)
        }
    }

    @Test func `computes normals where there are none`() throws {
        try Files.withTemporaryFolder { folder in
            let output = folder.appending(path: "stripped.glb").path
            #expect(try GLB.strippingTextures(fileAt: Files.model("no-normals"), to: output).hasNormals)
            let attributes = try attributes(output)
            #expect(attributes == [["POSITION", "NORMAL"]])
            let (points, normals) = (try floats(output, accessor: 0), try floats(output, accessor: 1))
            // A globe's normals point the way its points lie, at the texture's seam as well.
            for vertex in try Set(indices(output, accessor: 2)) {
                let along = (0..<3).reduce(Float(0)) { $0 + points[vertex * 3 + $1] * normals[vertex * 3 + $1] }
                #expect(along > 0.5 * 0.995, "vertex \(vertex)")
            }
        }
    }

    @Test func `computes a normal even where no face gives a direction`() throws {
        try Files.withTemporaryFolder { folder in
            let source = folder.appending(path: "source.glb")
            let flat = Forge.triangle.replacing("[1,1,0]", "[0,0,0]")
                .with(binary: Forge.floats([Float](repeating: 0, count: 9)) + [0, 0, 1, 0, 2, 0])
            try Data(flat.bytes).write(to: source)
            let output = folder.appending(path: "out.glb").path
            _ = try GLB.strippingTextures(fileAt: source.path, to: output)
            #expect(try floats(output, accessor: 1) == [0, 1, 0, 0, 1, 0, 0, 1, 0])
        }
    }

    @Test(arguments: [
        ("KHR_draco_mesh_compression", GLBFault.Code.compressed), ("VENDOR_unheard_of", .unsupported),
    ])
    func `refuses what it would copy wrongly`(name: String, code: GLBFault.Code) throws {
        try Files.withTemporaryFolder { folder in
            let forge = Forge.triangle
                .replacing(
                    "\"scene\":0,", "\"scene\":0,\"extensionsUsed\":[\"\(name)\"],\"extensionsRequired\":[\"\(name)\"],"
                )
                .replacing("\"indices\":1", "\"indices\":1,\"extensions\":{\"\(name)\":{}}")
            let source = folder.appending(path: "source.glb")
            try Data(forge.bytes).write(to: source)
            let output = folder.appending(path: "out.glb").path
            let found = try #require(fault { _ = try GLB.strippingTextures(fileAt: source.path, to: output) })
            #expect(found.code == code)
            #expect(found.message.contains(name))
            #expect(!FileManager.default.fileExists(atPath: output))
        }
    }

    @Test(arguments: [
        ("{\"mesh\":0}", "{\"mesh\":0,\"skin\":0}"), ("{\"mesh\":0}", "{\"mesh\":0,\"weights\":[0.5]}"),
        ("{\"mesh\":0}", "{\"mesh\":0,\"extensions\":{\"EXT_mesh_gpu_instancing\":{}}}"),
    ])
    func `refuses geometry that something else shapes`(old: String, new: String) throws {
        try Files.withTemporaryFolder { folder in
            let source = folder.appending(path: "source.glb")
            try Data(Forge.triangle.replacing(old, new).bytes).write(to: source)
            let output = folder.appending(path: "out.glb").path
            #expect(fault { _ = try GLB.strippingTextures(fileAt: source.path, to: output) }?.code == .unsupported)
        }
    }

    @Test func `a file of a kilobyte cannot ask for a gigabyte`() throws {
        try Files.withTemporaryFolder { folder in
            let source = folder.appending(path: "source.glb")
            let forge = Forge.triangle.replacing(
                "{\"bufferView\":0,\"componentType\":5126,\"count\":3", "{\"componentType\":5126,\"count\":40000000")
            try Data(forge.bytes).write(to: source)
            let output = folder.appending(path: "out.glb").path
            #expect(fault { _ = try GLB.strippingTextures(fileAt: source.path, to: output) }?.code == .tooLarge)
            #expect(!FileManager.default.fileExists(atPath: output))
        }
    }

    @Test func `writes only where nothing is yet`() throws {
        try Files.withTemporaryFolder { folder in
            let nowhere = folder.appending(path: "no/such/folder.glb").path
            #expect(
                fault { _ = try GLB.strippingTextures(fileAt: Files.model("sparse"), to: nowhere) }?.code == .unwritable
            )
            let taken = folder.appending(path: "taken.glb")
            try Data("kept".utf8).write(to: taken)
            #expect(
                fault { _ = try GLB.strippingTextures(fileAt: Files.model("sparse"), to: taken.path) }?.code
                    == .unwritable)
            #expect(try Files.bytes(taken.path) == Array("kept".utf8))
        }
    }

    private func document(_ path: String) throws -> JSONValue {
        let bytes = try Files.bytes(path)
        let count = Int(bytes[12]) | Int(bytes[13]) << 8 | Int(bytes[14]) << 16
        return try JSONReader.value(of: Array(bytes[20..<(20 + count)]))
    }

    private func attributes(_ path: String) throws -> [[String]] {
        let meshes = try document(path)["meshes"]?.array ?? []
        return meshes.flatMap { $0["primitives"]?.array ?? [] }.map { $0["attributes"]?.object?.names ?? [] }
    }

    /// A float accessor's numbers, read the plain way.
    private func floats(_ path: String, accessor: Int) throws -> [Float] {
        try numbers(path, accessor, bytes: 4, each: 3).map { Float(bitPattern: UInt32($0)) }
    }

    private func indices(_ path: String, accessor: Int) throws -> [Int] {
        try numbers(path, accessor, bytes: 2, each: 1)
    }

    private func numbers(_ path: String, _ index: Int, bytes size: Int, each: Int) throws -> [Int] {
        let (bytes, document) = (try Files.bytes(path), try document(path))
        let binary = 20 + Int(bytes[12]) + Int(bytes[13]) << 8 + Int(bytes[14]) << 16 + 8
        let accessor = try #require(document["accessors"]?[index])
        let view = try #require(document["bufferViews"]?[Int(accessor["bufferView"]?.integer ?? 0)])
        let start = binary + Int(view["byteOffset"]?.integer ?? 0)
        let count = each * Int(accessor["count"]?.integer ?? 0)
        return (0..<count).map { number in
            (0..<size).reduce(0) { $0 | Int(bytes[start + number * size + $1]) << (8 * $1) }
        }
    }
}
