#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension Material {
    init(_ part: JSONPart, textures: Int) throws(GLBFault) {
        isUnlit = try part.ext("KHR_materials_unlit") != nil
        switch try part.string("alphaMode") ?? "OPAQUE" {
        case "OPAQUE": alpha = .opaque
        case "BLEND": alpha = .blend
        case "MASK": alpha = .mask(cutoff: Float(try part.number("alphaCutoff") ?? 0.5))
        case let mode:
            throw GLBFault(
                .badDocument, "\(part.place("alphaMode")) must be OPAQUE, MASK or BLEND, and is \"\(mode.prefix(16))\"")
        }
        // The older way to say a base colour is still what some exporters write.
        let classic = try part.ext("KHR_materials_pbrSpecularGlossiness")
        let metallic = try part.part("pbrMetallicRoughness")
        guard let colour = metallic ?? classic else { return }
        let names = metallic != nil ? ("baseColorFactor", "baseColorTexture") : ("diffuseFactor", "diffuseTexture")
        if let factor = try colour.numbers(names.0, count: 4) {
            self.factor = SIMD4<Float>(SIMD4(factor[0], factor[1], factor[2], factor[3]))
        }
        texture = try colour.part(names.1).map { (use) throws(GLBFault) in try TextureUse(use, textures: textures) }
    }
}

extension TextureUse {
    fileprivate init(_ part: JSONPart, textures: Int) throws(GLBFault) {
        guard let texture = try part.reference("index", into: "textures", count: textures) else {
            throw GLBFault(.badDocument, "\(part.place("index")) is missing")
        }
        let moved = try part.ext(Extension.transform)
        self.texture = texture
        let ownSet = try part.integer("texCoord", in: 0...31) ?? 0
        set = try moved?.integer("texCoord", in: 0...31) ?? ownSet
        let offset = try moved?.numbers("offset", count: 2) ?? [0, 0]
        let scale = try moved?.numbers("scale", count: 2) ?? [1, 1]
        self.offset = SIMD2(Float(offset[0]), Float(offset[1]))
        self.scale = SIMD2(Float(scale[0]), Float(scale[1]))
        rotation = Float(try moved?.number("rotation") ?? 0)
    }

    /// KHR_texture_transform: scale, then rotate, then move.
    func moved(_ u: Float, _ v: Float) -> SIMD2<Float> {
        if isPlain { return SIMD2(u, v) }
        let (sine, cosine) = (sinf(rotation), cosf(rotation))
        let (x, y) = (u * scale.x, v * scale.y)
        return SIMD2(cosine * x + sine * y + offset.x, cosine * y - sine * x + offset.y)
    }
}

extension Texture {
    init(_ part: JSONPart, images: Int, samplers: [JSONPart]) throws(GLBFault) {
        // A reader that knows the extension takes its picture; the plain source is for those that do not.
        let webp = try part.ext(Extension.webp)?.reference("source", into: "images", count: images)
        let plain = try part.reference("source", into: "images", count: images)
        image = webp ?? plain
        guard let sampler = try part.reference("sampler", into: "samplers", count: samplers.count) else {
            (wrapS, wrapT) = (.repeated, .repeated)
            return
        }
        wrapS = Wrap(rawValue: try samplers[sampler].integer("wrapS") ?? 10497) ?? .repeated
        wrapT = Wrap(rawValue: try samplers[sampler].integer("wrapT") ?? 10497) ?? .repeated
    }
}
