import JSON

/// Puts a model together in memory: numbers go into the binary chunk, and accessors and views are written for them.
struct ModelBuilder {
    private var binary: [UInt8] = []
    private var views: [JSONValue] = []
    private var accessors: [JSONValue] = []
    private var images: [JSONValue] = []
    private var textures: [JSONValue] = []
    private var materials: [JSONValue] = []
    private var extensions: [String] = []

    /// Adds positions with their bounds, and returns the accessor.
    mutating func addPositions(_ points: [SIMD3<Float>]) -> Int {
        var low = SIMD3<Float>(repeating: .infinity)
        var high = -low
        for point in points {
            low = pointwiseMin(low, point)
            high = pointwiseMax(high, point)
        }
        return addVectors(points, bounds: (low, high))
    }

    mutating func addVectors(
        _ vectors: [SIMD3<Float>], bounds: (low: SIMD3<Float>, high: SIMD3<Float>)? = nil
    ) -> Int {
        let view = beginView(target: 34962)
        binary.reserveCapacity(binary.count + vectors.count * 12)
        for vector in vectors { for axis in 0..<3 { append(vector[axis].bitPattern) } }
        endView()
        var accessor = accessor(view, component: .float, shape: .vec3, count: vectors.count)
        if let bounds {
            accessor["min"] = .array((0..<3).map { .exact(bounds.low[$0]) })
            accessor["max"] = .array((0..<3).map { .exact(bounds.high[$0]) })
        }
        return add(accessor)
    }

    mutating func addCoordinates(_ coordinates: [SIMD2<Float>]) -> Int {
        let view = beginView(target: 34962)
        binary.reserveCapacity(binary.count + coordinates.count * 8)
        for pair in coordinates { for axis in 0..<2 { append(pair[axis].bitPattern) } }
        endView()
        return add(accessor(view, component: .float, shape: .vec2, count: coordinates.count))
    }

    /// Adds indices, in two bytes each where they fit; 65 535 is kept free, for it restarts a primitive.
    mutating func addIndices(_ indices: [UInt32]) -> Int {
        let isShort = indices.allSatisfy { $0 < 65_535 }
        let view = beginView(target: 34963)
        binary.reserveCapacity(binary.count + indices.count * (isShort ? 2 : 4))
        for index in indices { if isShort { append(UInt16(index)) } else { append(index) } }
        endView()
        return add(
            accessor(view, component: isShort ? .unsignedShort : .unsignedInt, shape: .scalar, count: indices.count))
    }

    /// Adds a picture as a texture. A WebP goes by its extension, which readers must then know.
    mutating func addTexture(_ picture: [UInt8], _ format: Picture.Format) -> Int {
        let view = beginView(target: nil)
        binary += picture
        endView()
        images.append(["bufferView": .index(view), "mimeType": .string(format.mediaType)])
        let source = JSONValue.index(images.count - 1)
        if format == .webp {
            textures.append(["sampler": 0, "extensions": [Extension.webp: ["source": source]]])
            if !extensions.contains(Extension.webp) { extensions.append(Extension.webp) }
        } else {
            textures.append(["sampler": 0, "source": source])
        }
        return textures.count - 1
    }

    mutating func addMaterial(_ material: JSONValue) -> Int {
        materials.append(material)
        return materials.count - 1
    }

    /// The finished file. The scene is one node with one mesh.
    func build(name: String, node: JSONObject, primitives: [JSONValue], generator: String) -> [UInt8] {
        var node = node
        node["name"] = .string(name)
        node["mesh"] = 0
        var root = JSONObject()
        root["asset"] = ["version": "2.0", "generator": .string(generator)]
        root["scene"] = 0
        root["scenes"] = [["nodes": [0]]]
        root["nodes"] = [.object(node)]
        root["meshes"] = [["name": .string(name), "primitives": .array(primitives)]]
        root["accessors"] = .array(accessors)
        root["bufferViews"] = .array(views)
        root["buffers"] = [["byteLength": .index(binary.count)]]
        if !materials.isEmpty { root["materials"] = .array(materials) }
        if !textures.isEmpty {
            root["textures"] = .array(textures)
            root["images"] = .array(images)
            // Linear filters with mip maps, clamped at the edges.
            root["samplers"] = [["magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071]]
        }
        if !extensions.isEmpty {
            root["extensionsUsed"] = .array(extensions.map { .string($0) })
            root["extensionsRequired"] = .array(extensions.map { .string($0) })
        }
        return Container.head(json: JSONValue.object(root).bytes, binaryCount: binary.count) + binary
            + [UInt8](repeating: 0, count: Container.padding(binary.count))
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { binary.append(contentsOf: $0) }
    }

    private mutating func beginView(target: Int64?) -> Int {
        binary.append(contentsOf: repeatElement(0, count: Container.padding(binary.count)))
        var view: JSONObject = ["buffer": 0, "byteOffset": .index(binary.count)]
        if let target { view["target"] = .integer(target) }
        views.append(.object(view))
        return views.count - 1
    }

    private mutating func endView() {
        guard case .object(var view) = views.removeLast(), let offset = view["byteOffset"]?.integer else { return }
        view["byteLength"] = .integer(Int64(binary.count) - offset)
        views.append(.object(view))
    }

    private func accessor(_ view: Int, component: Accessor.Component, shape: Accessor.Shape, count: Int) -> JSONObject {
        [
            "bufferView": .index(view), "componentType": .index(component.rawValue), "count": .index(count),
            "type": .string(shape.rawValue),
        ]
    }

    private mutating func add(_ accessor: JSONObject) -> Int {
        accessors.append(.object(accessor))
        return accessors.count - 1
    }
}
