import GLB
import Testing

struct PictureTests {
    static let gradient = Pixels(width: 31, height: 17) { x, y in
        SIMD4(UInt8(x * 8), UInt8(y * 15), UInt8((x + y) * 5), 255)
    }
    static let cutout = Pixels(width: 31, height: 17) { x, y in
        SIMD4(UInt8(x * 8), UInt8(y * 15), 90, (x - 15) * (x - 15) + (y - 8) * (y - 8) < 50 ? 255 : 0)
    }

    @Test func `reads the size of each format from its first bytes`() throws {
        let png = try Picture.Header.read(Array(PNG.encode(Self.gradient).prefix(64)))
        #expect((png.format, png.width, png.height, png.hasAlpha) == (.png, 31, 17, false))
        let jpeg = try Picture.Header.read(JPEG.encode(Self.gradient))
        #expect((jpeg.format, jpeg.width, jpeg.height, jpeg.hasAlpha) == (.jpeg, 31, 17, false))
        let webp = try Picture.Header.read(Array(WebP.encode(Self.gradient).prefix(64)))
        #expect((webp.format, webp.width, webp.height, webp.hasAlpha) == (.webp, 31, 17, false))
        #expect(try Picture.Header.read(PNG.encode(Self.cutout)).hasAlpha)
        #expect(try Picture.Header.read(WebP.encode(Self.cutout)).hasAlpha)
    }

    @Test(arguments: [
        ("GIF89a..", "a GIF"), ("BM......", "a BMP"), ("%PDF-1.7", "a PDF"), ("<svg xmlns", "an SVG or XML text"),
        ("<!doctype", "an HTML page"), ("{\"a\":1}", "JSON text"), ("glTF\u{2}\0\0\0", "a GLB model"),
        ("data:image/png;base64,", "a data URI that was not decoded"), ("\0\0\0\u{20}ftypavif", "an AVIF"),
        ("\0\0\0\u{20}ftypheic", "a HEIC"), ("hello", "something that begins with the bytes 68 65 6c 6c 6f"),
    ])
    func `names what came instead of a picture`(start: String, name: String) {
        #expect(fault(Array(start.utf8)) == .unknownFormat)
        #expect(message(Array(start.utf8)) == "the picture must be a PNG, JPEG or WebP; this is \(name)")
    }

    @Test func `every cut inside a header is told`() throws {
        let png = try PNG.encode(Self.gradient)
        for count in 8..<33 { #expect(fault(Array(png[..<count])) == .truncated) }
        let jpeg = try JPEG.encode(Self.gradient)
        for count in 3..<150 { #expect(fault(Array(jpeg[..<count])) == .truncated) }
        let webp = try WebP.encode(Self.gradient)
        for count in 12..<26 { #expect(fault(Array(webp[..<count])) == .truncated) }
        #expect(fault([]) == .empty)
    }

    @Test func `a header that contradicts itself is damaged`() throws {
        var png = try PNG.encode(Self.gradient)
        png.replaceSubrange(16..<20, with: [0, 0, 0, 0])
        #expect(fault(png) == .damaged)
        png = try PNG.encode(Self.gradient)
        png[25] = 5
        #expect(fault(png) == .damaged)
        #expect(fault([0xFF, 0xD8, 0xFF, 0xDA, 0, 8, 0, 0]) == .damaged)
        #expect(fault([0xFF, 0xD8, 0xFF, 0xE0, 0, 0, 0, 0]) == .damaged)
    }

    @Test func `an animated WebP is refused`() {
        // A VP8X header (WebP container specification) with the animation flag set, 16 × 16.
        let bytes =
            Array("RIFF".utf8) + [22, 0, 0, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0, 2, 0, 0, 0, 15, 0, 0, 15, 0, 0]
        #expect(fault(bytes) == .animated)
    }

    @Test func `a picture is whole when its pixels are there, whatever is missing or follows after them`() throws {
        let tail: [UInt8] = Array("<!-- appended -->".utf8)
        for bytes in [
            try PNG.encode(Self.gradient), try JPEG.encode(Self.gradient), try WebP.encode(Self.gradient),
            try WebP.encode(Self.cutout),
        ] {
            let header = try Picture.Header.readWhole(bytes)
            #expect(try Picture.Header.readWhole(bytes + tail) == header)
        }
        // Without IEND, without the checksum before it; without EOI, and cut in the middle of its scan.
        let png = try PNG.encode(Self.gradient)
        for missing in [4, 12, 16] { #expect(wholeFault(Array(png.dropLast(missing))) == nil) }
        let jpeg = try JPEG.encode(Self.gradient)
        for missing in [2, 20] { #expect(wholeFault(Array(jpeg.dropLast(missing))) == nil) }
    }

    @Test func `a picture that ends before its pixels is cut`() throws {
        let png = try PNG.encode(Self.gradient)
        for count in [33, 40, 45, 60, png.count - 17] { #expect(wholeFault(Array(png[..<count])) == .truncated) }
        let jpeg = try JPEG.encode(Self.gradient)
        let scan = try #require(jpeg.indices.last { jpeg[$0] == 0xFF && jpeg[$0 + 1] == 0xDA })
        for count in (scan - 100)...(scan + 8) { #expect(wholeFault(Array(jpeg[..<count])) == .truncated) }
        let webp = try WebP.encode(Self.gradient)
        for count in [40, webp.count / 2, webp.count - 4] {
            #expect(wholeFault(Array(webp[..<count])) == .truncated)
        }
    }

    @Test(arguments: [(16_384, 1, nil), (16_385, 1, PictureFault.Code.tooLarge), (100_000, 100_000, .tooLarge)])
    func `a picture has sides that somebody could take`(width: Int, height: Int, told: PictureFault.Code?) throws {
        var png = try PNG.encode(Self.gradient)
        for (at, side) in [(16, width), (20, height)] {
            for byte in 0..<4 { png[at + byte] = UInt8(truncatingIfNeeded: side >> (24 - 8 * byte)) }
        }
        #expect(wholeFault(png) == told)
    }

    @Test func `decodes what it encodes`() throws {
        #expect(try Picture.decode(PNG.encode(Self.gradient)) == Self.gradient)
        #expect(try Picture.decode(PNG.encode(Self.cutout)) == Self.cutout)
        for bytes in [try JPEG.encode(Self.gradient), try WebP.encode(Self.gradient)] {
            let decoded = try Picture.decode(bytes)
            #expect((decoded.width, decoded.height) == (31, 17))
            let apart = zip(decoded.rgba, Self.gradient.rgba).map { abs(Int($0) - Int($1)) }
            #expect(apart.reduce(0, +) / apart.count < 8)
        }
    }

    @Test func `decodes smaller where that is enough`() throws {
        let large = Pixels(width: 400, height: 200) { x, _ in SIMD4(UInt8(x / 2), 100, 100, 255) }
        let webp = try Picture.decode(WebP.encode(large), side: 100)
        #expect((webp.width, webp.height) == (100, 50))
        let jpeg = try Picture.decode(JPEG.encode(large), side: 100)
        #expect((jpeg.width, jpeg.height) == (100, 50))
    }

    @Test func `a bomb is refused by its header`() throws {
        var png = try PNG.encode(Self.gradient)
        png.replaceSubrange(16..<24, with: [0, 0, 0x80, 0, 0, 0, 0x80, 0])
        let found = #expect(throws: PictureFault.self) { try Picture.decode(png) }
        #expect(found?.code == .tooLarge)
        #expect(found?.message.contains("32768 × 32768") == true)
    }

    @Test func `a cut or broken picture is a fault of its own`() throws {
        let png = try PNG.encode(Self.gradient)
        #expect(throws: PictureFault.self) { try Picture.decode(Array(png[..<(png.count / 2)])) }
        let webp = try WebP.encode(Self.gradient)
        #expect(throws: PictureFault.self) { try Picture.decode(Array(webp[..<(webp.count / 2)])) }
    }

    private func wholeFault(_ bytes: [UInt8]) -> PictureFault.Code? {
        do throws(PictureFault) {
            _ = try Picture.Header.readWhole(bytes)
            return nil
        } catch {
            return error.code
        }
    }

    private func fault(_ bytes: [UInt8]) -> PictureFault.Code? {
        do throws(PictureFault) {
            _ = try Picture.Header.read(bytes)
            return nil
        } catch { return error.code }
    }

    private func message(_ bytes: [UInt8]) -> String? {
        do throws(PictureFault) {
            _ = try Picture.Header.read(bytes)
            return nil
        } catch { return error.message }
    }
}
