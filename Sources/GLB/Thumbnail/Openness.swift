#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// How much of its surroundings each pixel's surface sees, from what the picture itself shows of them: points near
/// a surface and in front of it take light away (McGuire and others, Scalable Ambient Obscurance, 2012).
struct Openness {
    /// A pixel's nearest surface, in view space. Where there is none the normal is zero.
    struct Site {
        var point = SIMD3<Float>()
        var normal = SIMD3<Float>()
    }

    private static let radius: Float = 0.17
    private static let taps = 24
    private static let strength: Float = 1.15

    private let values: Block<Float>

    init(_ sites: Block<Site>, side: Int) {
        let raw = Block<Float>(count: side * side, repeating: 1)
        let spiral = Self.spiral()
        for y in 0..<side {
            for x in 0..<side {
                let site = sites.base[y * side + x]
                guard site.normal != SIMD3() else { continue }
                raw.base[y * side + x] = Self.look(around: site, x, y, sites, side, spiral)
            }
        }
        values = Self.smoothed(raw, sites, side)
    }

    subscript(pixel: Int) -> Float { values.base[pixel] }

    private static func spiral() -> [SIMD2<Float>] {
        (0..<taps).map { tap in
            let angle = Float(tap) * 2.399_963
            let reach = (Float(tap) + 0.5) / Float(taps)
            return SIMD2(cosf(angle), sinf(angle)) * reach.squareRoot() * reach.squareRoot()
        }
    }

    @inline(__always)
    private static func look(
        around site: Site, _ x: Int, _ y: Int, _ sites: Block<Site>, _ side: Int, _ spiral: [SIMD2<Float>]
    ) -> Float {
        // Sixteen turns of the spiral in a 4 × 4 pattern, which the smoothing then takes out exactly.
        let turn = Float((x & 3) * 4 + (y & 3) * 7 & 15) / 16 * 2 * .pi
        let (sine, cosine) = (sinf(turn), cosf(turn))
        // The radius as it looks at this distance; what the camera spans is about one unit.
        let reach = radius * Float(side) * 0.8
        let square = radius * radius
        var taken: Float = 0
        for tap in spiral {
            let dx = (cosine * tap.x - sine * tap.y) * reach
            let dy = (sine * tap.x + cosine * tap.y) * reach
            let px = min(max(x + Int(dx), 0), side - 1)
            let py = min(max(y + Int(dy), 0), side - 1)
            let other = sites.base[py * side + px]
            guard other.normal != SIMD3() else { continue }
            let away = other.point - site.point
            let distance = dot(away, away)
            guard distance < square else { continue }
            let facing = dot(away, site.normal) - 0.004
            let near = 1 - distance / square
            taken += near * near * near * max(0, facing / (distance + 0.0004).squareRoot())
        }
        return max(0.12, 1 - strength * 2 * taken / Float(spiral.count))
    }

    /// The mean over a 4 × 4 square, of pixels at about the same depth only.
    private static func smoothed(_ raw: Block<Float>, _ sites: Block<Site>, _ side: Int) -> Block<Float> {
        let smoothed = Block<Float>(count: side * side, repeating: 1)
        for y in 0..<side {
            for x in 0..<side {
                let centre = sites.base[y * side + x]
                guard centre.normal != SIMD3() else { continue }
                var (sum, weight): (Float, Float) = (0, 0)
                for py in max(0, y - 2)...min(side - 1, y + 1) {
                    for px in max(0, x - 2)...min(side - 1, x + 1) {
                        let site = sites.base[py * side + px]
                        let alike: Float = abs(site.point.z - centre.point.z) < 0.03 && site.normal != SIMD3() ? 1 : 0
                        sum += raw.base[py * side + px] * alike
                        weight += alike
                    }
                }
                smoothed.base[y * side + x] = weight > 0 ? sum / weight : raw.base[y * side + x]
            }
        }
        return smoothed
    }
}
