/// A studio: a warm key light from the upper left, a cool fill from the right, a rim from behind, and light from
/// all around that is brighter above than below. Directions are the viewer's, so every model is lit alike.
struct Light {
    let key = normalize(SIMD3(-0.62, 0.85, 0.62))
    private let fill = normalize(SIMD3(0.9, 0.15, 0.55))
    private let rim = normalize(SIMD3(0.35, 0.55, -0.85))
    private let up: SIMD3<Float>

    private static let keyColour = SIMD3<Float>(1.0, 0.97, 0.92) * 0.88
    private static let fillColour = SIMD3<Float>(0.86, 0.92, 1.0) * 0.20
    private static let rimColour = SIMD3<Float>(1.0, 1.0, 1.0) * 0.22
    private static let sky = SIMD3<Float>(0.94, 0.97, 1.0) * 0.40
    private static let floor = SIMD3<Float>(1.0, 0.96, 0.91) * 0.20

    init(up: SIMD3<Float>) { self.up = up }

    /// The light that a surface sends towards the viewer. `openness` is how much of its surroundings it sees, and
    /// `reached` how much of the key light.
    func on(_ surfel: Surfel, viewer: SIMD3<Float>, openness: Float, reached: Float) -> SIMD3<Float> {
        if surfel.isUnlit { return surfel.colour }
        let normal = surfel.normal
        let above = 0.5 + 0.5 * dot(normal, up)
        let around = (Self.floor + (Self.sky - Self.floor) * above) * openness
        // Corners dim a direct light less than they dim what comes from all around.
        let direct = 0.45 + 0.55 * openness
        let lit =
            Self.keyColour * (Self.wrapped(dot(normal, key)) * reached)
            + Self.fillColour * Self.wrapped(dot(normal, fill))
        let edge = max(0, 1 - dot(normal, viewer))
        let halo = Self.rimColour * (max(0, dot(normal, rim)) * edge * edge)
        let half = normalize(key + viewer)
        let shine = Self.power32(max(0, dot(normal, half))) * 0.10
        return surfel.colour * (around + lit * direct + halo) + Self.keyColour * (shine * openness * reached)
    }

    /// Light that reaches a little around the edge, as from a large lamp.
    private static func wrapped(_ cosine: Float) -> Float {
        let wrapped = max(0, (cosine + 0.2) / 1.2)
        return wrapped * (0.4 + 0.6 * wrapped)
    }

    private static func power32(_ value: Float) -> Float {
        var power = value
        for _ in 0..<5 { power *= power }
        return power
    }
}
