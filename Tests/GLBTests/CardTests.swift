import GLB
import Testing

struct CardTests {
    private static let tall = Pixels(width: 90, height: 120) { x, y in SIMD4(UInt8(x * 2), UInt8(y * 2), 60, 255) }

    @Test func `is valid, and the same for the same seed`() throws {
        let picture = try Card.builtInPicture()
        let card = try Card.build(picture: picture, seed: 7, textured: true)
        #expect(try GLB.check(card).remarks == [])
        #expect(try card == Card.build(picture: picture, seed: 7, textured: true))
        #expect(try card != Card.build(picture: picture, seed: 8, textured: true))
    }

    @Test func `carries each picture as it came`() throws {
        for (bytes, required) in [
            (try PNG.encode(Self.tall), [String]()), (try JPEG.encode(Self.tall), []),
            (try WebP.encode(Self.tall), ["EXT_texture_webp"]),
        ] {
            let card = try Card.build(picture: bytes, seed: 1, textured: true)
            #expect(card.contains(bytes))
            #expect(try GLB.check(card).extensions == required)
        }
    }

    @Test func `has the picture's proportions`() throws {
        let plain = try GLB.check(Card.build(picture: PNG.encode(Self.tall), seed: 3, textured: true))
        let size = try #require(plain.boundingBox).size
        #expect(size.y > size.x * 1.15 && size.y < size.x * 1.4, "\(size)")
    }

    @Test func `without textures it is the same geometry`() throws {
        let picture = try Card.builtInPicture()
        let textured = try GLB.check(Card.build(picture: picture, seed: 5, textured: true))
        let plain = try GLB.check(Card.build(picture: picture, seed: 5, textured: false))
        #expect(plain.faces == textured.faces && plain.vertices == textured.vertices)
        #expect(plain.boundingBox == textured.boundingBox)
        #expect(!plain.hasTextures && plain.hasNormals)
    }

    @Test func `stands a turned photograph upright`() throws {
        var turned = try JPEG.encode(Self.tall)
        // An Exif segment that says only: orientation 6, a quarter turn.
        let exif =
            Array("Exif\0\0II*\0".utf8) + [8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
        turned.insert(contentsOf: [0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif, at: 2)
        #expect(try Picture.Header.read(turned).orientation.exif == 6)
        let size = try #require(GLB.check(Card.build(picture: turned, seed: 3, textured: true)).boundingBox).size
        #expect(size.x > size.y * 1.15, "lying on its side it was taller than wide: \(size)")
    }

    @Test(arguments: [(1, 1), (1, 3000), (3000, 1), (2, 2)]) func `takes pictures of any shape`(width: Int, height: Int)
        throws
    {
        let picture = try PNG.encode(Pixels(width: width, height: height) { _, _ in SIMD4(200, 10, 10, 255) })
        #expect(try GLB.check(Card.build(picture: picture, seed: 0, textured: true)).remarks == [])
    }

    @Test func `the built-in picture is a PNG and always the same`() throws {
        let header = try Picture.Header.read(Card.builtInPicture())
        #expect((header.format, header.width, header.height) == (.png, 640, 480))
        #expect(try Card.builtInPicture() == Card.builtInPicture())
    }

    @Test func `what is no picture is refused`() {
        #expect(throws: PictureFault.self) {
            try Card.build(picture: Array("no picture".utf8), seed: 0, textured: true)
        }
    }
}

struct SampleModelTests {
    @Test(arguments: [1_000, 20_000, 100_000]) func `has the faces asked for`(faces: Int) throws {
        let summary = try GLB.check(SampleModel.build(faces: faces, texture: .none, seed: 1))
        #expect(summary.faces == faces)
        #expect(summary.hasNormals && !summary.hasTextures && summary.remarks == [])
    }

    @Test(arguments: [SampleModel.Texture.png, .jpeg, .webp]) func `has two textures of the kind asked for`(
        texture: SampleModel.Texture
    ) throws {
        let sample = try SampleModel.build(faces: 500, texture: texture, side: 64, seed: 1)
        let summary = try GLB.check(sample)
        #expect(summary.hasTextures && summary.remarks == [])
        #expect(summary.extensions == (texture == .webp ? ["EXT_texture_webp"] : []))
        #expect(try sample == SampleModel.build(faces: 500, texture: texture, side: 64, seed: 1))
        #expect(try sample != SampleModel.build(faces: 500, texture: texture, side: 64, seed: 2))
    }
}
