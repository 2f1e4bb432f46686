import JSON

extension Document.Mesh {
    init(_ part: JSONPart, accessors: [Accessor], materials: Int) throws(GLBFault) {
        var primitives: [Document.Primitive] = []
        for primitive in try part.parts("primitives") {
            primitives.append(try Document.Primitive(primitive, accessors: accessors, materials: materials))
        }
        guard !primitives.isEmpty else {
            throw GLBFault(.badDocument, "\(part.place("primitives")) must hold at least one primitive")
        }
        self.primitives = primitives
        json = part.object
    }
}

extension Document.Primitive {
    fileprivate init(_ part: JSONPart, accessors: [Accessor], materials: Int) throws(GLBFault) {
        let number = try part.integer("mode", in: 0...6) ?? 4
        guard let mode = Document.Mode(rawValue: number) else {
            throw GLBFault(.badDocument, "\(part.place("mode")) must be from 0 to 6, and is \(number)")
        }
        self.mode = mode
        isCompressed = try part.ext(Extension.draco) != nil
        attributes = try Self.attributes(try part.requiredPart("attributes"), accessors: accessors)
        var targets: [[(name: String, accessor: Int)]] = []
        for target in try part.parts("targets") { targets.append(try Self.attributes(target, accessors: accessors)) }
        self.targets = targets
        indices = try part.reference("indices", into: "accessors", count: accessors.count)
        material = try part.reference("material", into: "materials", count: materials)
        try check(part.path, accessors)
    }

    /// WebGL guarantees sixteen; they are looked up one by one, which a hundred thousand would make slow.
    private static let mostAttributes = 64

    private static func attributes(
        _ part: JSONPart, accessors: [Accessor]
    ) throws(GLBFault) -> [(name: String, accessor: Int)] {
        var attributes: [(name: String, accessor: Int)] = []
        guard part.object.count <= mostAttributes else {
            throw GLBFault(
                .badDocument, "\(part.path) has \(part.object.count) attributes; at most \(mostAttributes) are read")
        }
        for name in part.object.names {
            if let accessor = try part.reference(name, into: "accessors", count: accessors.count) {
                attributes.append((name, accessor))
            }
        }
        return attributes
    }

    private func check(_ path: String, _ accessors: [Accessor]) throws(GLBFault) {
        guard let position = attribute("POSITION") else { return }  // such a primitive draws nothing (3.7.2.1)
        let vertices = accessors[position].count
        for (name, index) in attributes + targets.flatMap(\.self) {
            let accessor = accessors[index]
            guard accessor.count == vertices else {
                throw GLBFault(
                    .badDocument, "\(path) has \(vertices) positions, and \(accessor.count) values of \(name)")
            }
            guard Self.allows(accessor, as: name) else {
                throw GLBFault(
                    .badDocument,
                    "\(path).attributes.\(name) may not be a \(accessor.shape.rawValue) of \(accessor.component)")
            }
        }
        if let indices {
            let accessor = accessors[indices]
            guard accessor.shape == .scalar, !accessor.isNormalized,
                [.unsignedByte, .unsignedShort, .unsignedInt].contains(accessor.component)
            else { throw GLBFault(.badDocument, "\(path).indices must be a SCALAR of unsigned integers") }
        }
    }

    /// The kinds of numbers that each attribute may have (glTF 2.0, 3.7.2.1, and KHR_mesh_quantization, which
    /// widens positions, normals and texture coordinates to integers).
    private static func allows(_ accessor: Accessor, as name: String) -> Bool {
        let isInteger = accessor.component != .float && accessor.component != .unsignedInt
        switch name {
        case "POSITION": return accessor.shape == .vec3 && (isInteger || accessor.component == .float)
        case "NORMAL":
            return accessor.shape == .vec3
                && (accessor.component == .float
                    || accessor.isNormalized && [.byte, .short].contains(accessor.component))
        case "TANGENT":
            return [.vec3, .vec4].contains(accessor.shape) && (isInteger || accessor.component == .float)
        default:
            if name.hasPrefix("TEXCOORD_") {
                return accessor.shape == .vec2 && (isInteger || accessor.component == .float)
            }
            if name.hasPrefix("COLOR_") {
                return [.vec3, .vec4].contains(accessor.shape) && (isInteger || accessor.component == .float)
            }
            return true
        }
    }
}
