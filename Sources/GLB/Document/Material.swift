/// What a thumbnail needs to know of a material: the base colour and how it lets light through.
struct Material {
    enum Alpha: Equatable {
        case opaque, blend
        case mask(cutoff: Float)
    }

    var factor = SIMD4<Float>(1, 1, 1, 1)
    var texture: TextureUse?
    var alpha = Alpha.opaque
    var isUnlit = false

    static let plain = Material()
}

/// A texture as a material uses it: which, at which coordinates, moved how (KHR_texture_transform).
struct TextureUse {
    let texture: Int
    let set: Int
    let offset: SIMD2<Float>
    let scale: SIMD2<Float>
    let rotation: Float

    var isPlain: Bool { offset == SIMD2(0, 0) && scale == SIMD2(1, 1) && rotation == 0 }
}

struct Texture {
    enum Wrap: Int {
        case repeated = 10497
        case clamped = 33071
        case mirrored = 33648
    }

    /// The picture; nil when it is of a kind that is not known here.
    let image: Int?
    let wrapS: Wrap
    let wrapT: Wrap
}
