import JSON

/// What a stripped file will hold, settled before its first byte is written: which runs of numbers in which order,
/// and the document that describes them.
struct StripPlan {
    enum Piece {
        case vertices(Accessor)
        case indices(Accessor)
        /// Normals computed for the positions of that accessor.
        case normals(positions: Accessor)

        /// A vertex begins at a multiple of four bytes (glTF 2.0, 3.6.2.4); indices stand close.
        var stride: Int {
            switch self {
            case .vertices(let accessor): accessor.elementSize + Container.padding(accessor.elementSize)
            case .indices(let accessor): accessor.elementSize
            case .normals: 12
            }
        }

        var accessor: Accessor {
            switch self {
            case .vertices(let accessor), .indices(let accessor), .normals(let accessor): accessor
            }
        }

        var byteCount: Int { accessor.count * stride }
    }

    private struct Key: Hashable {
        let accessor: Int
        let role: Int
    }

    private(set) var pieces: [Piece] = []
    /// The primitives that normals are computed over, by their positions.
    private(set) var users: [Int: [Document.Primitive]] = [:]
    private var placed: [Key: Int] = [:]
    private let document: Document
    private let inspection: Inspection

    init(_ model: Model, _ inspection: Inspection) throws(GLBFault) {
        try Self.refuse(model.document)
        document = model.document
        self.inspection = inspection
        for primitive in document.meshes.flatMap(\.primitives) {
            if let position = primitive.attribute("POSITION") { users[position, default: []].append(primitive) }
        }
    }

    /// Geometry that could only be copied wrongly is refused rather than bent.
    private static func refuse(_ document: Document) throws(GLBFault) {
        for mesh in document.meshes {
            for primitive in mesh.primitives where !primitive.isReadable(in: document) {
                let names = document.extensionsUsed.filter { Extension.named($0) == .compression }
                throw GLBFault(
                    .compressed,
                    "the geometry is compressed by \(names.joined(separator: ", ")); only uncompressed geometry is stripped"
                )
            }
        }
        for name in document.extensionsRequired where Extension.named(name) == nil {
            throw GLBFault(.unsupported, "the model requires the extension \(name), which is not known here")
        }
        for (index, node) in document.nodes.enumerated() where node.isInstanced {
            throw GLBFault(.unsupported, "node \(index) shows copies of its mesh by EXT_mesh_gpu_instancing")
        }
        for (index, node) in document.nodes.enumerated() where node.isSkinned && node.mesh != nil {
            throw GLBFault(.unsupported, "node \(index) bends its mesh by a skin; stripping would straighten it")
        }
        let weighted = document.meshes.map(\.json) + document.nodes.map(\.json)
        if weighted.contains(where: { $0["weights"]?.array?.contains { $0.double != 0 } ?? false }) {
            throw GLBFault(.unsupported, "morph targets shape the model; stripping would undo that")
        }
    }

    /// The new document. Settles `pieces` on the way.
    mutating func document(generator: String) -> JSONValue {
        var meshes: [JSONValue] = []
        var places: [Int: Int] = [:]
        for (index, mesh) in document.meshes.enumerated() {
            let primitives = mesh.primitives.compactMap { primitive($0) }
            guard !primitives.isEmpty else { continue }
            places[index] = meshes.count
            var json = JSONObject()
            json["name"] = mesh.json["name"]
            json["primitives"] = .array(primitives)
            meshes.append(.object(json))
        }
        var root: JSONObject = ["asset": asset(generator)]
        if pieces.contains(where: { !$0.isPlain }) {
            root["extensionsUsed"] = [.string(Extension.quantized)]
            root["extensionsRequired"] = [.string(Extension.quantized)]
        }
        if let scene = document.scene { root["scene"] = .index(scene) }
        if !document.scenes.isEmpty { root["scenes"] = .array(document.scenes.map(Self.scene)) }
        if !document.nodes.isEmpty { root["nodes"] = .array(document.nodes.map { Self.node($0, meshes: places) }) }
        root["meshes"] = .array(meshes)
        root["accessors"] = .array(pieces.enumerated().map { accessor($1, view: $0) })
        root["bufferViews"] = .array(views())
        root["buffers"] = [["byteLength": .index(byteCount)]]
        return .object(root)
    }

    func box(_ positions: Accessor) -> BoundingBox? { inspection.boxes[positions.index] }

    /// The binary chunk's length; each piece begins at a multiple of four.
    var byteCount: Int { pieces.reduce(0) { $0 + $1.byteCount + Container.padding($1.byteCount) } }

    private mutating func primitive(_ primitive: Document.Primitive) -> JSONValue? {
        guard let position = primitive.attribute("POSITION") else { return nil }
        let accessor = document.accessors[position]
        var attributes: JSONObject = ["POSITION": place(.vertices(accessor), role: 0)]
        if let normal = primitive.attribute("NORMAL") {
            attributes["NORMAL"] = place(.vertices(document.accessors[normal]), role: 0)
        } else if primitive.mode.faces(vertices: 3) > 0 {
            attributes["NORMAL"] = place(.normals(positions: accessor), role: 1)
        }
        var json: JSONObject = ["attributes": .object(attributes)]
        if let indices = primitive.indices {
            json["indices"] = place(.indices(document.accessors[indices]), role: 2)
        }
        if primitive.mode != .triangles { json["mode"] = .index(primitive.mode.rawValue) }
        return .object(json)
    }

    /// Numbers that several primitives share are written once.
    private mutating func place(_ piece: Piece, role: Int) -> JSONValue {
        let key = Key(accessor: piece.accessor.index, role: role)
        if let index = placed[key] { return .index(index) }
        placed[key] = pieces.count
        pieces.append(piece)
        return .index(pieces.count - 1)
    }

    private func accessor(_ piece: Piece, view: Int) -> JSONValue {
        let source = piece.accessor
        var json: JSONObject = ["bufferView": .index(view), "count": .index(source.count)]
        if case .normals = piece {
            json["componentType"] = .index(Accessor.Component.float.rawValue)
            json["type"] = .string(Accessor.Shape.vec3.rawValue)
            return .object(json)
        }
        json["componentType"] = .index(source.component.rawValue)
        json["type"] = .string(source.shape.rawValue)
        if source.isNormalized { json["normalized"] = true }
        if let bounds = inspection.bounds[source.index], case .vertices = piece {
            json["min"] = .array((0..<3).map { .exact(bounds.minimum[$0]) })
            json["max"] = .array((0..<3).map { .exact(bounds.maximum[$0]) })
        }
        return .object(json)
    }

    private func views() -> [JSONValue] {
        var offset = 0
        return pieces.map { piece in
            var json: JSONObject = [
                "buffer": 0, "byteOffset": .index(offset), "byteLength": .index(piece.byteCount), "target": 34962,
            ]
            if case .indices = piece { json["target"] = 34963 }
            if case .vertices(let accessor) = piece, piece.stride != accessor.elementSize {
                json["byteStride"] = .index(piece.stride)
            }
            offset += piece.byteCount + Container.padding(piece.byteCount)
            return .object(json)
        }
    }

    private func asset(_ generator: String) -> JSONValue {
        var asset: JSONObject = ["version": "2.0"]
        let before = document.asset["generator"]?.string
        asset["generator"] = .string(before.map { "\($0), \(generator)" } ?? generator)
        asset["copyright"] = document.asset["copyright"]
        return .object(asset)
    }

    private static func scene(_ scene: (roots: [Int], json: JSONObject)) -> JSONValue {
        var json = JSONObject()
        json["name"] = scene.json["name"]
        if !scene.roots.isEmpty { json["nodes"] = .array(scene.roots.map { .index($0) }) }
        return .object(json)
    }

    private static func node(_ node: Document.Node, meshes: [Int: Int]) -> JSONValue {
        var json = JSONObject()
        for name in ["name", "children", "matrix", "translation", "rotation", "scale"] { json[name] = node.json[name] }
        json["mesh"] = node.mesh.flatMap { meshes[$0] }.map { .index($0) }
        return .object(json)
    }
}

extension StripPlan.Piece {
    /// Whether the numbers are of a kind that glTF has without an extension.
    fileprivate var isPlain: Bool {
        if case .vertices(let accessor) = self { accessor.component == .float } else { true }
    }
}
