/// A primitive at its place, made ready to be drawn: its numbers as floats, its positions first in view space and
/// then on the screen.
final class Draw {
    let points: Block<Float>
    let normals: Block<Float>?
    let coordinates: Block<Float>?
    let colours: Block<Float>?
    let indices: Block<UInt32>?
    let mode: Document.Mode
    let material: Material
    let hasMaterial: Bool
    let texture: TextureImage?
    /// Takes normals to view space.
    let normalMatrix: (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>)
    /// Whether its place mirrors it, which turns the order of its corners.
    let isMirrored: Bool
    /// The number of its first triangle among all.
    let firstFace: Int
    let faces: Int

    init(
        _ instance: Instance, of model: Model, view: Matrix, texture: TextureImage?, firstFace: Int
    ) throws(GLBFault) {
        let document = model.document
        let primitive = instance.primitive
        guard let position = primitive.attribute("POSITION") else { preconditionFailure("instances have positions") }
        material = primitive.material.map { document.materials[$0] } ?? .plain
        hasMaterial = primitive.material != nil
        self.texture = texture
        self.firstFace = firstFace
        mode = primitive.mode
        let vertices = document.accessors[position].count
        faces = mode.faces(vertices: primitive.indices.map { document.accessors[$0].count } ?? vertices)
        let transform = view * instance.transform
        normalMatrix = transform.normals
        isMirrored = transform.isMirrored

        points = try model.floats(document.accessors[position], width: 3)
        normals = try model.floats(primitive.attribute("NORMAL"), width: 3)
        let set = material.texture?.set ?? 0
        coordinates = texture == nil ? nil : try model.floats(primitive.attribute("TEXCOORD_\(set)"), width: 2)
        colours = try model.floats(primitive.attribute("COLOR_0"), width: 4)
        if let indices = primitive.indices {
            self.indices = try model.indices(document.accessors[indices], vertices: vertices)
        } else {
            indices = nil
        }
        place(transform)
        moveCoordinates()
    }

    /// What `init` allocates.
    static func workingBytes(_ primitive: Document.Primitive, _ document: Document) -> Int {
        func count(_ accessor: Int?) -> Int { accessor.map { document.accessors[$0].count } ?? 0 }
        return count(primitive.attribute("POSITION")) * 12 + count(primitive.attribute("NORMAL")) * 12
            + count(primitive.attribute("TEXCOORD_0")) * 8 + count(primitive.attribute("COLOR_0")) * 16
            + count(primitive.indices) * 4
    }

    private func place(_ transform: Matrix) {
        let (a, b, c, d) = transform.columns
        let point = points.base
        for vertex in 0..<(points.count / 3) {
            let at = point + vertex * 3
            let moved = a * Double(at[0]) + b * Double(at[1]) + c * Double(at[2]) + d
            (at[0], at[1], at[2]) = (Float(moved.x), Float(moved.y), Float(moved.z))
        }
    }

    private func moveCoordinates() {
        guard let use = material.texture, !use.isPlain, let base = coordinates?.base else { return }
        for vertex in 0..<(points.count / 3) {
            let moved = use.moved(base[vertex * 2], base[vertex * 2 + 1])
            (base[vertex * 2], base[vertex * 2 + 1]) = (moved.x, moved.y)
        }
    }

    func extend(_ reach: inout Camera.Reach, up: SIMD3<Float>) {
        for vertex in 0..<(points.count / 3) { reach.include(point(vertex), up: up) }
    }

    /// From view space to the screen.
    func project(_ camera: Camera, side: Float) {
        for vertex in 0..<(points.count / 3) {
            let screen = camera.project(point(vertex), side: side)
            let at = points.base + vertex * 3
            (at[0], at[1], at[2]) = (screen.x, screen.y, screen.z)
        }
    }

    @inline(__always)
    func point(_ vertex: Int) -> SIMD3<Float> {
        let at = points.base + vertex * 3
        return SIMD3(at[0], at[1], at[2])
    }

    @inline(__always)
    func vertex(_ position: Int) -> Int {
        guard let base = indices?.base else { return position }
        return Int(base[position])
    }

    /// The three vertices of a face.
    @inline(__always)
    func corners(_ face: Int) -> (Int, Int, Int) {
        let (a, b, c) =
            switch mode {
            case .triangleStrip: (face, face + 1 + face % 2, face + 2 - face % 2)
            case .triangleFan: (face + 1, face + 2, 0)
            default: (face * 3, face * 3 + 1, face * 3 + 2)
            }
        return (vertex(a), vertex(b), vertex(c))
    }
}

extension Model {
    fileprivate func floats(_ accessor: Int?, width: Int) throws(GLBFault) -> Block<Float>? {
        guard let accessor else { return nil }
        return try floats(document.accessors[accessor], width: width)
    }
}
