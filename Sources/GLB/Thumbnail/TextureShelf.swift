/// The base colour textures that a drawing needs, decoded once each.
struct TextureShelf {
    private let model: Model
    private let side: Int
    private var images: [Int: TextureImage] = [:]
    private var pixelsLeft: Int
    private var bytesLeft: Int

    init(_ model: Model) {
        self.model = model
        pixelsLeft = 2 * model.limits.texture.pixels
        bytesLeft = model.limits.workingBytes / 4
        // A sheet twice as wide as the sampled screen shows all there is to see; many sheets share the room.
        let count = Set(model.document.materials.compactMap { $0.texture?.texture }).count
        side = count <= 4 ? 2048 : count <= 16 ? 1024 : 256
    }

    mutating func texture(_ primitive: Document.Primitive) throws(GLBFault) -> TextureImage? {
        let document = model.document
        guard let use = primitive.material.flatMap({ document.materials[$0].texture }),
            primitive.attribute("TEXCOORD_\(use.set)") != nil
        else { return nil }
        if let image = images[use.texture] { return image }
        let texture = document.textures[use.texture]
        guard let index = texture.image else {
            throw GLBFault(.badTexture, "textures[\(use.texture)] has no picture of a kind that is known here")
        }
        let image = TextureImage(try decode(index), side: side, wrapS: texture.wrapS, wrapT: texture.wrapT)
        bytesLeft -= image.byteCount
        guard bytesLeft >= 0 else { throw GLBFault(.tooLarge, "the model has too many textures to be drawn") }
        images[use.texture] = image
        return image
    }

    /// Reads and decodes a picture, if all of them together stay within what may be decoded for one model.
    private mutating func decode(_ index: Int) throws(GLBFault) -> Pixels {
        guard let view = model.document.images[index].view.map({ model.document.views[$0] }) else {
            throw GLBFault(.badTexture, "images[\(index)] is a data URI; pictures are read from the binary chunk only")
        }
        guard !view.isCompressed, view.length <= model.limits.textureBytes else {
            throw GLBFault(
                .tooLarge, "images[\(index)] has \(view.length) bytes; at most \(model.limits.textureBytes) are decoded"
            )
        }
        let bytes = try model.bytes.bytes(at: model.container.binary.lowerBound + view.offset, count: view.length)
        do throws(PictureFault) {
            let header = try Picture.Header.read(bytes)
            try model.limits.texture.allow(header)
            pixelsLeft -= header.width * header.height
            guard pixelsLeft >= 0 else {
                throw PictureFault(.tooLarge, "the model's textures together have too many pixels")
            }
            return try Picture.decode(bytes, limits: model.limits.texture, side: side)
        } catch {
            throw GLBFault(error.code == .tooLarge ? .tooLarge : .badTexture, "images[\(index)]: \(error)")
        }
    }
}
