#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// What the key light reaches: a raster of what is nearest to the lamp, looked up around each place so that the
/// shadow's edge is soft.
struct KeyShadow {
    /// A picture of 400 pixels shows no finer shadow than this.
    private static let mostCells = 1024
    /// The model's largest side is one, so that from any direction it fits a disc of 1.74; the rest is floor.
    private static let span: Float = 2.4
    private static let taps = 8

    private let raster: Raster
    private let cells: Float
    private let across: SIMD3<Float>
    private let along: SIMD3<Float>
    private let toLamp: SIMD3<Float>
    private let disc: [SIMD2<Float>]

    static let workingBytes = Raster.workingBytes(side: mostCells)

    /// Must see the draws while their points are still in view space.
    init(_ draws: [Draw], toLamp: SIMD3<Float>, side: Int, budget: Int) throws(GLBFault) {
        let across = normalize(cross(SIMD3(0, 1, 0), toLamp))
        let along = cross(toLamp, across)
        var raster = Raster(side: min(Self.mostCells, side), budget: budget)
        let cells = Float(raster.side)
        for draw in draws {
            try raster.draw(draw) { point in Self.place(point, across, along, toLamp, cells) }
        }
        self.raster = raster
        self.cells = cells
        (self.across, self.along, self.toLamp) = (across, along, toLamp)
        disc = (0..<Self.taps).map { tap in
            let angle = Float(tap) * 2.399_963
            let reach = ((Float(tap) + 0.5) / Float(Self.taps)).squareRoot()
            return SIMD2(cosf(angle), sinf(angle)) * reach
        }
    }

    /// Cells across and down, and how near to the lamp: about 4, and above 0 for all of the floor that is seen.
    @inline(__always)
    private static func place(
        _ point: SIMD3<Float>, _ across: SIMD3<Float>, _ along: SIMD3<Float>, _ toLamp: SIMD3<Float>, _ cells: Float
    ) -> SIMD3<Float> {
        SIMD3(
            (dot(point, across) / span + 0.5) * cells, (dot(point, along) / span + 0.5) * cells,
            4 + dot(point, toLamp))
    }

    /// The same for the floor, where the shadow fades out before the raster ends: a lamp in a room is not the sun.
    func light(onFloor point: SIMD3<Float>, up: SIMD3<Float>, turn: Int) -> Float {
        let away = SIMD2(dot(point, across), dot(point, along))
        let distance = (away.x * away.x + away.y * away.y).squareRoot()
        let fade = min(max((1.15 - distance) / 0.55, 0), 1)
        guard fade > 0 else { return 1 }
        return 1 - fade * (1 - light(at: point, normal: up, softness: 0.03, turn: turn))
    }

    /// How much of the lamp is seen from a point of a surface, 0 to 1. `turn` differs from sample to sample, so that
    /// the few places looked at become many in the mean.
    @inline(__always)
    func light(at point: SIMD3<Float>, normal: SIMD3<Float>, softness: Float, turn: Int) -> Float {
        // A little off the surface, more where the light only grazes it, or it would shade itself.
        let slant = 1 - max(0, dot(normal, toLamp))
        let place = Self.place(point + normal * (0.004 + 0.008 * slant), across, along, toLamp, cells)
        let reach = softness / Self.span * cells
        let spin = Self.turns[turn & 15]
        var lit = 0
        for tap in 0..<Self.taps {
            let offset = disc[tap]
            let x = place.x + (spin.x * offset.x - spin.y * offset.y) * reach
            let y = place.y + (spin.y * offset.x + spin.x * offset.y) * reach
            guard x > 0, y > 0, x < cells, y < cells else {
                lit += 1
                continue
            }
            if raster.depths.base[Int(y) * raster.side + Int(x)] <= place.z + 0.003 { lit += 1 }
        }
        return Float(lit) / Float(Self.taps)
    }

    private static let turns: [SIMD2<Float>] = (0..<16).map { turn in
        let angle = Float(turn * 7 & 15) / 16 * 2 * .pi
        return SIMD2(cosf(angle), sinf(angle))
    }
}
