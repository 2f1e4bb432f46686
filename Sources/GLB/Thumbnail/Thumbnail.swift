/// A small picture of a model, drawn in software: a three-quarter view that the model just fills, lit like a studio.
package enum Thumbnail {
    package enum Background: String, Sendable {
        /// A bright floor with a soft shadow.
        case ground
        /// Nothing, to be laid over anything.
        case transparent
    }

    /// Samples along each side of a pixel. Sixteen to a pixel leave no stairs to be seen.
    private static let samples = 4

    /// A PNG of `size` × `size` pixels. Works on the calling thread; memory follows the model and is held below
    /// `limits.workingBytes`, and the time below what `limits.drawnSamples` allow.
    package static func render(
        glb path: String, size: Int = 400, background: Background = .ground, limits: GLBLimits = GLBLimits()
    ) throws(GLBFault) -> [UInt8] {
        try png(picture(Model(ModelBytes(path: path), limits: limits), size: size, background: background))
    }

    package static func render(
        _ bytes: [UInt8], size: Int = 400, background: Background = .ground, limits: GLBLimits = GLBLimits()
    ) throws(GLBFault) -> [UInt8] {
        try png(picture(Model(ModelBytes(bytes), limits: limits), size: size, background: background))
    }

    private static func png(_ pixels: Pixels) throws(GLBFault) -> [UInt8] {
        do throws(PictureFault) { return try PNG.encode(pixels) } catch {
            throw GLBFault(.unwritable, error.message)
        }
    }

    static func picture(_ model: Model, size: Int, background: Background) throws(GLBFault) -> Pixels {
        precondition(1...1024 ~= size, "a thumbnail is small")
        let inspection = try Inspection(model)
        let instances = try model.document.instances().filter { $0.primitive.mode.faces(vertices: 3) > 0 }
        try checkReadable(model, instances, size: size)
        var camera = try Camera(box(instances, inspection))
        let draws = try makeDraws(model, instances, camera)

        var reach = Camera.Reach()
        for draw in draws { draw.extend(&reach, up: camera.up) }
        camera.frame(reach)

        let side = size * samples
        var ground: Ground?
        if background == .ground {
            ground = try Ground(draws, up: camera.up, level: reach.floor, budget: model.limits.drawnSamples / 4)
        }
        let light = Light(up: camera.up)
        let shadow = try KeyShadow(draws, toLamp: light.key, side: side, budget: model.limits.drawnSamples / 2)
        var raster = Raster(side: side, budget: model.limits.drawnSamples)
        for draw in draws {
            draw.project(camera, side: Float(side))
            try raster.draw(draw) { $0 }
        }
        let canvas = Canvas(size: size, samples: samples, camera: camera, light: light, shadow: shadow, ground: ground)
        return canvas.paint(raster, draws)
    }

    private static func checkReadable(_ model: Model, _ instances: [Instance], size: Int) throws(GLBFault) {
        let document = model.document
        var bytes =
            Raster.workingBytes(side: size * samples) + Ground.workingBytes + KeyShadow.workingBytes + size * size * 48
        for instance in instances {
            guard instance.primitive.isReadable(in: document) else {
                throw GLBFault(.compressed, "the geometry is compressed; only uncompressed geometry is drawn")
            }
            bytes += Draw.workingBytes(instance.primitive, document)
            guard bytes <= model.limits.workingBytes else {
                throw GLBFault(
                    .tooLarge,
                    "drawing the model takes more than the \(model.limits.workingBytes) bytes that are allowed")
            }
        }
    }

    private static func box(_ instances: [Instance], _ inspection: Inspection) throws(GLBFault) -> BoundingBox {
        var whole: BoundingBox?
        for instance in instances {
            guard let position = instance.primitive.attribute("POSITION"), let box = inspection.boxes[position] else {
                continue
            }
            let moved = box.moved(by: instance.transform)
            whole = whole?.union(moved) ?? moved
        }
        guard let whole else { throw GLBFault(.noTriangles, "the scene shows no triangle") }
        let largest = whole.size.max()
        guard largest > 0, largest.isFinite else {
            throw GLBFault(.notFinite, "the scene's largest side is \(largest), so that no camera can frame it")
        }
        return whole
    }

    private static func makeDraws(
        _ model: Model, _ instances: [Instance], _ camera: Camera
    ) throws(GLBFault) -> [Draw] {
        var shelf = TextureShelf(model)
        var draws: [Draw] = []
        var faces = 0
        for instance in instances {
            let texture = try shelf.texture(instance.primitive)
            let draw = try Draw(instance, of: model, view: camera.view, texture: texture, firstFace: faces)
            faces += draw.faces
            guard faces <= 2 * model.limits.faces else {
                throw GLBFault(.tooLarge, "the scene shows more than \(2 * model.limits.faces) faces")
            }
            draws.append(draw)
        }
        return draws
    }
}
