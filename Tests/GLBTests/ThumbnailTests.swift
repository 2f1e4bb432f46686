import Foundation
import GLB
import Testing

struct ThumbnailTests {
    /// Pictures that were looked at and found good are kept under `references`. RECORD=1 draws them anew; then look
    /// at them again.
    @Test(arguments: Files.models) func `looks as it did when it was looked at`(name: String) throws {
        try compare(try Thumbnail.render(glb: Files.model(name)), with: name)
    }

    @Test func `the sandbox's card looks as it did, with picture and without`() throws {
        let picture = try Card.builtInPicture()
        try compare(try Thumbnail.render(Card.build(picture: picture, seed: 1, textured: true)), with: "card")
        try compare(try Thumbnail.render(Card.build(picture: picture, seed: 2, textured: false)), with: "card-plain")
    }

    @Test func `the sample looks as it did, in front of nothing too`() throws {
        let sample = try SampleModel.build(faces: 20_000, texture: .webp, side: 512, seed: 3)
        try compare(try Thumbnail.render(sample), with: "sample")
        try compare(try Thumbnail.render(sample, background: .transparent), with: "sample-transparent")
    }

    @Test(arguments: [(400, Thumbnail.Background.ground), (64, .transparent)])
    func `is a PNG of the size asked for`(size: Int, background: Thumbnail.Background) throws {
        let png = try Thumbnail.render(glb: Files.model("interleaved"), size: size, background: background)
        let header = try Picture.Header.read(png)
        #expect((header.format, header.width, header.height) == (.png, size, size))
        #expect(header.hasAlpha == (background == .transparent))
    }

    @Test func `the same model gives the same bytes`() throws {
        let path = Files.model("see-through")
        #expect(try Thumbnail.render(glb: path, size: 100) == Thumbnail.render(glb: path, size: 100))
    }

    @Test func `a model of any scale fills the frame alike`() throws {
        let plain = try Picture.decode(Thumbnail.render(Forge.triangle.bytes, size: 64, background: .transparent))
        for scale in ["1e-12", "1e9", "1e18"] {
            let forge = Forge.triangle.replacing("{\"mesh\":0}", "{\"mesh\":0,\"scale\":[\(scale),\(scale),\(scale)]}")
            let scaled = try Picture.decode(Thumbnail.render(forge.bytes, size: 64, background: .transparent))
            #expect(difference(plain, scaled).mean < 0.5)
        }
    }

    @Test func `a model without extent cannot be framed`() {
        let point = Forge.triangle.with(binary: [UInt8](repeating: 0, count: 44)).bytes
        #expect(fault { _ = try Thumbnail.render(point) }?.code == .notFinite)
    }

    @Test func `a texture that is damaged, unknown or too large is told`() throws {
        let sample = try SampleModel.build(faces: 200, texture: .png, side: 64, seed: 1)
        let start = try #require(sample.firstIndex(ofRun: [0x89, 0x50, 0x4E, 0x47]))
        var damaged = sample
        for at in (start + 60)..<(start + 200) { damaged[at] = 0xAA }
        #expect(fault { _ = try Thumbnail.render(damaged) }?.code == .badTexture)
        var unknown = sample
        unknown[start] = 0
        #expect(fault { _ = try Thumbnail.render(unknown) }?.code == .badTexture)
        var limits = GLBLimits()
        limits.texture = Picture.Limits(pixels: 64 * 63)
        #expect(fault { _ = try Thumbnail.render(sample, limits: limits) }?.code == .tooLarge)
    }

    @Test func `what takes too much memory or time is refused before it takes it`() throws {
        let sample = try SampleModel.build(faces: 2_000, texture: .none, seed: 1)
        var limits = GLBLimits()
        limits.workingBytes = 1 << 20
        #expect(fault { _ = try Thumbnail.render(sample, limits: limits) }?.code == .tooLarge)
        limits = GLBLimits()
        limits.drawnSamples = 100_000
        #expect(fault { _ = try Thumbnail.render(sample, limits: limits) }?.code == .tooLarge)
    }

    private func compare(_ png: [UInt8], with name: String) throws {
        let reference = Files.folder.appending(path: "references/\(name).png")
        if ProcessInfo.processInfo.environment["RECORD"] == "1" { try Data(png).write(to: reference) }
        let kept = try Picture.decode(Files.bytes(reference.path))
        let found = difference(try Picture.decode(png), kept)
        #expect(found.mean < 0.75, "the mean difference is \(found.mean) of 255")
        #expect(found.strangers < 0.004, "\(found.strangers) of the pixels are clearly different")
    }

    /// The mean difference of channels, and the share of pixels that differ by more than a tenth.
    private func difference(_ a: Pixels, _ b: Pixels) -> (mean: Double, strangers: Double) {
        guard a != b else { return (0, 0) }
        guard a.width == b.width, a.height == b.height else { return (255, 1) }
        var (sum, strangers) = (0, 0)
        for pixel in 0..<(a.width * a.height) {
            var largest = 0
            for channel in (pixel * 4)..<(pixel * 4 + 4) {
                let apart = abs(Int(a.rgba[channel]) - Int(b.rgba[channel]))
                sum += apart
                largest = max(largest, apart)
            }
            if largest > 25 { strangers += 1 }
        }
        let pixels = Double(a.width * a.height)
        return (Double(sum) / pixels / 4, Double(strangers) / pixels)
    }
}

extension [UInt8] {
    fileprivate func firstIndex(ofRun run: [UInt8]) -> Int? {
        indices.first { $0 + run.count <= count && Array(self[$0..<($0 + run.count)]) == run }
    }
}
