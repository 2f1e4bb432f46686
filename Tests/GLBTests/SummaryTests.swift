import GLB
import Testing

struct SummaryTests {
    /// Counts as `glb_validator.py`, which shares nothing with the room, finds them.
    @Test(arguments: [
        ("index-sizes", 1939, 3392), ("interleaved", 24, 12), ("moved-texture", 48, 24), ("no-normals", 1225, 2208),
        ("node-transforms", 24, 12), ("quantized", 861, 1520), ("see-through", 885, 1532),
        ("several-meshes", 1830, 1676), ("sparse", 600, 1070), ("strips-and-fans", 153, 145),
        ("textured-jpeg", 1225, 2208), ("textured-png", 1225, 2208), ("textured-webp", 1225, 2208),
        ("vertex-colours", 2562, 5120),
    ])
    func `counts what other tools wrote`(name: String, vertices: Int, faces: Int) throws {
        let summary = try GLB.check(fileAt: Files.model(name))
        #expect(summary.vertices == vertices)
        #expect(summary.faces == faces)
        #expect(summary.remarks == [])
        #expect(try summary == GLB.check(Files.bytes(Files.model(name))))
    }

    @Test func `places every part before it measures`() throws {
        let box = try #require(GLB.check(fileAt: Files.model("node-transforms")).boundingBox)
        #expect(box.minimum.y > 4.7 && box.maximum.y < 6.3, "the whole stands five above the ground")
        let small = try #require(GLB.check(fileAt: Files.model("quantized")).boundingBox)
        #expect(small.maximum == SIMD3(0.5, 0.4, 0.5), "16-bit fractions, halved by the node")
    }

    @Test func `sees textures, normals and extensions`() throws {
        let webp = try GLB.check(fileAt: Files.model("textured-webp"))
        #expect(webp.hasTextures && webp.hasNormals)
        #expect(webp.extensions == ["EXT_texture_webp"])
        let bare = try GLB.check(fileAt: Files.model("strips-and-fans"))
        #expect(!bare.hasTextures && !bare.hasNormals)
    }
}
