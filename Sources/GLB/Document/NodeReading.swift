extension Document.Node {
    init(_ part: JSONPart, meshes: Int, nodes: Int) throws(GLBFault) {
        children = try part.references("children", into: "nodes", count: nodes)
        mesh = try part.reference("mesh", into: "meshes", count: meshes)
        isSkinned = part.has("skin")
        isInstanced = try part.ext("EXT_mesh_gpu_instancing") != nil
        transform = try Self.transform(part)
        json = part.object
    }

    private static func transform(_ part: JSONPart) throws(GLBFault) -> Matrix {
        let translation = try part.numbers("translation", count: 3)
        let rotation = try part.numbers("rotation", count: 4)
        let scale = try part.numbers("scale", count: 3)
        if let matrix = try part.numbers("matrix", count: 16) {
            guard translation == nil, rotation == nil, scale == nil else {
                throw GLBFault(.badDocument, "\(part.path) has a matrix and also translation, rotation or scale")
            }
            return Matrix(matrix)
        }
        if translation == nil, rotation == nil, scale == nil { return .identity }
        return Matrix(
            translation: translation ?? [0, 0, 0], rotation: rotation ?? [0, 0, 0, 1], scale: scale ?? [1, 1, 1])
    }
}
