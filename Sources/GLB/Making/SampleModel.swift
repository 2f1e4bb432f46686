#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import JSON

/// A model like those that TRELLIS.2 delivers, for the provider simulator, tests and benchmarks: one mesh of a
/// chosen number of faces with base colour and metallic-roughness textures. The same arguments give the same bytes.
package enum SampleModel {
    package enum Texture: Sendable { case none, png, jpeg, webp }

    /// `faces` is met exactly where it factors well, else to within a few in a thousand; `side` is the textures' width and height in pixels.
    package static func build(
        faces: Int, texture: Texture, side: Int = 1024, seed: UInt64
    ) throws(PictureFault) -> [UInt8] {
        var numbers = SeededNumbers(seed: seed)
        let knot = Knot(&numbers)
        let around = cellsAround(max(faces, 6) / 2)
        let along = max(3, faces / (2 * around))
        var surface = Surface()
        surface.addSheet(columns: around, rows: along) { column, row in
            knot.corner(u: Float(column) / Float(around), v: Float(row) / Float(along))
        }

        var builder = ModelBuilder()
        var attributes: JSONObject = [
            "POSITION": .index(builder.addPositions(surface.points)),
            "NORMAL": .index(builder.addVectors(surface.normals)),
        ]
        if texture != .none {
            attributes["TEXCOORD_0"] = .index(builder.addCoordinates(surface.coordinates))
        }
        var primitive: JSONObject = [
            "attributes": .object(attributes), "indices": .index(builder.addIndices(surface.indices)),
        ]
        if texture != .none {
            let glaze = Glaze(&numbers)
            let colour = builder.addTexture(try encode(glaze.baseColour(side), texture), texture.format)
            let rough = builder.addTexture(try encode(glaze.metallicRoughness(side), texture), texture.format)
            let material: JSONValue = [
                "pbrMetallicRoughness": [
                    "baseColorTexture": ["index": .index(colour)],
                    "metallicRoughnessTexture": ["index": .index(rough)],
                ]
            ]
            primitive["material"] = .index(builder.addMaterial(material))
        }
        return builder.build(
            name: "sample", node: [:], primitives: [.object(primitive)], generator: "trellis-gateway sample")
    }

    /// About four times as many cells along the tube as around it, and if it can be so that none is left over.
    private static func cellsAround(_ cells: Int) -> Int {
        let ideal = max(3, Int((Float(cells) / 4).squareRoot().rounded()))
        let exact = (0...(ideal / 3)).lazy.flatMap { [ideal + $0, ideal - $0] }.first { cells % $0 == 0 }
        return exact ?? ideal
    }

    private static func encode(_ pixels: Pixels, _ texture: Texture) throws(PictureFault) -> [UInt8] {
        switch texture {
        case .none: []
        case .png: try PNG.encode(pixels)
        case .jpeg: try JPEG.encode(pixels)
        case .webp: try WebP.encode(pixels)
        }
    }
}

extension SampleModel.Texture {
    fileprivate var format: Picture.Format {
        switch self {
        case .none, .png: .png
        case .jpeg: .jpeg
        case .webp: .webp
        }
    }
}

/// A fluted tube along a torus knot.
private struct Knot {
    private let turns: Float
    private let thickness: Float
    private let flutes: Float

    init(_ numbers: inout SeededNumbers) {
        turns = numbers.pick(from: [3, 5])
        thickness = numbers.next(in: 0.085...0.115)
        flutes = numbers.pick(from: [5, 6, 8])
    }

    private func centre(_ v: Float) -> SIMD3<Float> {
        let angle = 2 * Float.pi * v
        let radius = 0.27 + 0.11 * cosf(turns * angle)
        return SIMD3(radius * cosf(2 * angle), 0.16 * sinf(turns * angle), radius * sinf(2 * angle))
    }

    private func point(_ u: Float, _ v: Float) -> SIMD3<Float> {
        let here = centre(v)
        let forward = normalize(centre(v + 0.0005) - centre(v - 0.0005))
        let side = normalize(cross(forward, SIMD3(0, 1, 0)))
        let up = cross(side, forward)
        let angle = 2 * Float.pi * u
        let radius = thickness * (1 + 0.09 * cosf(flutes * angle + 14 * Float.pi * v))
        return here + (side * cosf(angle) + up * sinf(angle)) * radius
    }

    func corner(u: Float, v: Float) -> (point: SIMD3<Float>, normal: SIMD3<Float>, coordinate: SIMD2<Float>) {
        let step: Float = 0.001
        let across = point(u + step, v) - point(u - step, v)
        let onwards = point(u, v + step) - point(u, v - step)
        return (point(u, v), cross(onwards, across), SIMD2(u, v))
    }
}

/// The tube's skin: bands and speckles in two colours.
private struct Glaze {
    private let light: SIMD3<Float>
    private let dark: SIMD3<Float>
    private let bands: Float

    init(_ numbers: inout SeededNumbers) {
        let pairs: [(SIMD3<Float>, SIMD3<Float>)] = [
            (SIMD3(236, 214, 170), SIMD3(38, 92, 110)), (SIMD3(240, 226, 208), SIMD3(170, 70, 52)),
            (SIMD3(214, 226, 220), SIMD3(62, 84, 66)), (SIMD3(232, 220, 236), SIMD3(88, 66, 122)),
        ]
        (light, dark) = numbers.pick(from: pairs)
        bands = numbers.pick(from: [16, 24, 32])
    }

    func baseColour(_ side: Int) -> Pixels {
        Pixels(width: side, height: side) { x, y in
            let (u, v) = (Float(x) / Float(side), Float(y) / Float(side))
            let band = 0.5 + 0.5 * sinf(2 * .pi * (bands * v + 2 * u) + 1.2 * sinf(2 * .pi * 6 * u))
            let share = min(max((band - 0.5) * 5 + 0.5, 0), 1)
            // A hash of the place for a little grain, which also keeps the encoders honest.
            let grain = Float((x &* 73_856_093 ^ y &* 19_349_663) >> 5 & 15) - 7.5
            let colour = dark + (light - dark) * share + grain
            let bytes = colour.clamped(lowerBound: SIMD3(), upperBound: SIMD3(repeating: 255))
            return SIMD4(UInt8(bytes.x), UInt8(bytes.y), UInt8(bytes.z), 255)
        }
    }

    /// Roughness in green and metalness in blue, as glTF wants them.
    func metallicRoughness(_ side: Int) -> Pixels {
        Pixels(width: side, height: side) { _, y in
            SIMD4(0, 120 + UInt8(40 + 40 * sinf(2 * .pi * bands * Float(y) / Float(side))), 0, 255)
        }
    }
}
