#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import JSON

/// The sandbox's model: the given picture as a card in a rounded frame, with a bas-relief raised from its own light
/// and dark. The same picture and seed give the same bytes; another seed another frame, relief and tilt.
package enum Card {
    /// Throws where the picture cannot be decoded. Without `textured` the model is geometry with normals alone, in
    /// which the relief still tells what the picture was.
    package static func build(
        picture: [UInt8], seed: UInt64, textured: Bool
    ) throws(PictureFault) -> [UInt8] {
        let print = try Print(picture)
        var numbers = SeededNumbers(seed: seed)
        let relief = Relief(print.pixels, depth: numbers.next(in: 0.030...0.050))
        let frame = Frame(
            opening: relief.size, width: numbers.next(in: 0.045...0.075), finish: numbers.pick(from: Frame.finishes))
        let lean = numbers.next(in: 0.06...0.14)
        let turn = numbers.next(in: -0.12...0.12)

        var builder = ModelBuilder()
        var primitives = [primitive(relief.surface, in: &builder, coordinates: textured)]
        primitives.append(primitive(frame.surface, in: &builder, coordinates: false))
        if textured {
            let texture = builder.addTexture(print.bytes, print.format)
            var paint: JSONObject = [
                "name": "picture",
                "pbrMetallicRoughness": [
                    "baseColorTexture": ["index": .index(texture)], "metallicFactor": 0,
                    "roughnessFactor": 0.8,
                ],
            ]
            if print.pixels.hasTransparency {
                paint["alphaMode"] = "MASK"
            }
            primitives[0]["material"] = .index(builder.addMaterial(.object(paint)))
            primitives[1]["material"] = .index(builder.addMaterial(frame.finish.material))
        }
        return builder.build(
            name: "card", node: ["rotation": Self.rotation(lean: lean, turn: turn)],
            primitives: primitives.map { .object($0) },
            generator: "trellis-gateway sandbox")
    }

    private static func primitive(
        _ surface: Surface, in builder: inout ModelBuilder, coordinates: Bool
    ) -> JSONObject {
        var attributes = JSONObject()
        attributes["POSITION"] = .index(builder.addPositions(surface.points))
        attributes["NORMAL"] = .index(builder.addVectors(surface.normals))
        if coordinates {
            attributes["TEXCOORD_0"] = .index(builder.addCoordinates(surface.coordinates))
        }
        var primitive = JSONObject()
        primitive["attributes"] = .object(attributes)
        primitive["indices"] = .index(builder.addIndices(surface.indices))
        return primitive
    }

    /// Leaning back like a picture on an easel, then turned a little: the product of two quaternions.
    private static func rotation(lean: Float, turn: Float) -> JSONValue {
        let (sx, cx) = (-sinf(lean / 2), cosf(lean / 2))
        let (sy, cy) = (sinf(turn / 2), cosf(turn / 2))
        return .array([cy * sx, sy * cx, -sy * sx, cy * cx].map { .exact($0) })
    }
}
