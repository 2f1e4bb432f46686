#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import JSON

/// A rounded frame around an opening, with mitred corners, a mat behind the opening and a flat back.
struct Frame {
    struct Finish {
        let name: String
        /// Linear, as glTF's factors are.
        let colour: SIMD3<Float>
        let metallic: Float
        let roughness: Float

        var material: JSONValue {
            [
                "name": .string(name),
                "pbrMetallicRoughness": [
                    "baseColorFactor": [.exact(colour.x), .exact(colour.y), .exact(colour.z), 1],
                    "metallicFactor": .exact(metallic), "roughnessFactor": .exact(roughness),
                ],
            ]
        }
    }

    static let finishes = [
        Finish(name: "walnut", colour: SIMD3(0.125, 0.0625, 0.03125), metallic: 0, roughness: 0.5),
        Finish(name: "oak", colour: SIMD3(0.4375, 0.265625, 0.125), metallic: 0, roughness: 0.625),
        Finish(name: "slate", colour: SIMD3(0.0625, 0.078125, 0.09375), metallic: 0, roughness: 0.5),
        Finish(name: "chalk", colour: SIMD3(0.75, 0.734375, 0.703125), metallic: 0, roughness: 0.75),
        Finish(name: "brass", colour: SIMD3(0.65625, 0.453125, 0.15625), metallic: 0.25, roughness: 0.375),
        Finish(name: "moss", colour: SIMD3(0.09375, 0.15625, 0.078125), metallic: 0, roughness: 0.625),
    ]

    let finish: Finish
    let surface: Surface

    private static let back: Float = -0.04
    private static let mat: Float = -0.004
    private static let shoulder: Float = 0.012
    private static let crown: Float = 0.03

    init(opening: SIMD2<Float>, width: Float, finish: Finish) {
        self.finish = finish
        let inner = opening / 2
        let outer = inner + width
        var surface = Surface()
        for side in 0..<4 {
            Self.addBeam(to: &surface, side: side, inner: inner, outer: outer, width: width)
        }
        Self.addPlate(to: &surface, half: outer, z: Self.back, facing: -1)
        Self.addPlate(to: &surface, half: inner, z: Self.mat, facing: 1)
        self.surface = surface
    }

    /// The frame's section from its outer back edge over the crown to the mat: distance inwards, height, direction.
    private static func section(width: Float) -> [[(inset: Float, z: Float, normal: SIMD2<Float>)]] {
        let steps = 12
        let arch = (0...steps).map { step in
            let angle = Float.pi * Float(step) / Float(steps)
            let (sine, cosine) = (sinf(angle), cosf(angle))
            return (
                inset: width / 2 * (1 - cosine), z: shoulder + crown * sine,
                normal: SIMD2(-cosine / (width / 2), sine / crown)
            )
        }
        return [
            [(0, back, SIMD2(-1, 0)), (0, shoulder, SIMD2(-1, 0))],
            arch,
            [(width, shoulder, SIMD2(1, 0)), (width, mat, SIMD2(1, 0))],
        ]
    }

    private static func addBeam(
        to surface: inout Surface, side: Int, inner: SIMD2<Float>, outer: SIMD2<Float>, width: Float
    ) {
        // Quarter turns of the bottom beam; the corners are mitred by drawing each beam in as it rises inwards.
        let turn: (SIMD2<Float>) -> SIMD2<Float> =
            switch side {
            case 0: { SIMD2($0.x, -$0.y) }
            case 1: { SIMD2($0.y, $0.x) }
            case 2: { SIMD2(-$0.x, $0.y) }
            default: { SIMD2(-$0.y, -$0.x) }
            }
        let half = side % 2 == 0 ? outer : SIMD2(outer.y, outer.x)
        for strip in section(width: width) {
            surface.addSheet(columns: 1, rows: strip.count - 1) { column, row in
                // Rows run from the inner edge to the outer one, which is downwards on the bottom beam.
                let at = strip[strip.count - 1 - row]
                let end: Float = column == 0 ? -1 : 1
                let place = turn(SIMD2(end * (half.x - at.inset), half.y - at.inset))
                let away = turn(SIMD2(0, -at.normal.x))
                return (SIMD3(place.x, place.y, at.z), SIMD3(away.x, away.y, at.normal.y), SIMD2())
            }
        }
    }

    private static func addPlate(to surface: inout Surface, half: SIMD2<Float>, z: Float, facing: Float) {
        surface.addSheet(columns: 1, rows: 1) { column, row in
            let x = (column == 0 ? -half.x : half.x) * facing
            return (SIMD3(x, row == 0 ? half.y : -half.y, z), SIMD3(0, 0, facing), SIMD2())
        }
    }
}
