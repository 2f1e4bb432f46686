import JSON

extension Document {
    /// Reads and checks the document. Throws `bad_json` and `bad_document` for what is not glTF 2.0, `out_of_bounds`
    /// where something points outside, `external_reference` where another file would be needed.
    init(json bytes: [UInt8], binaryCount: Int, limits: GLBLimits) throws(GLBFault) {
        let root = JSONPart(object: try Self.parse(bytes, limits), path: "")
        var remarks: [String] = []

        let asset = try root.requiredPart("asset")
        guard let version = try asset.string("version") else {
            throw GLBFault(.badDocument, "asset.version is missing; it must be \"2.0\"")
        }
        guard version.hasPrefix("2.") else {
            throw GLBFault(.wrongVersion, "asset.version is \"\(version.prefix(16))\"; only 2.x is read")
        }
        extensionsUsed = try root.strings("extensionsUsed")
        extensionsRequired = try root.strings("extensionsRequired")
        for names in [extensionsUsed, extensionsRequired] where names.count > Self.mostExtensions {
            throw GLBFault(
                .badDocument, "the file names \(names.count) extensions; at most \(Self.mostExtensions) are read")
        }
        for name in extensionsRequired where !extensionsUsed.contains(name) {
            remarks.append("extensionsRequired names \(name), which extensionsUsed does not")
        }
        for name in extensionsRequired where Extension.named(name) == nil {
            remarks.append("the file requires the extension \(name), which is not known here")
        }

        var buffers: [Buffer] = []
        for part in try root.parts("buffers") {
            buffers.append(try Buffer(part, index: buffers.count, binaryCount: binaryCount))
        }
        if let first = buffers.first, first.isBinaryChunk, first.length + 3 < binaryCount {
            remarks.append("the binary chunk has \(binaryCount) bytes, of which \(first.length) are used")
        }

        let viewParts = try root.parts("bufferViews")
        var views: [BufferView] = []
        views.reserveCapacity(viewParts.count)
        for part in viewParts { views.append(try BufferView(part, buffers: buffers)) }

        var accessors: [Accessor] = []
        for part in try root.parts("accessors") {
            accessors.append(try Accessor(part, index: accessors.count, views: views))
        }

        let imageParts = try root.parts("images")
        var images: [Image] = []
        for part in imageParts { images.append(try Image(part, views: views)) }

        let samplers = try root.parts("samplers")
        var textures: [Texture] = []
        for part in try root.parts("textures") {
            textures.append(try Texture(part, images: images.count, samplers: samplers))
        }

        var materials: [Material] = []
        for part in try root.parts("materials") {
            materials.append(try Material(part, textures: textures.count))
        }

        var meshes: [Mesh] = []
        for part in try root.parts("meshes") {
            meshes.append(try Mesh(part, accessors: accessors, materials: materials.count))
        }

        let nodeParts = try root.parts("nodes")
        var nodes: [Node] = []
        nodes.reserveCapacity(nodeParts.count)
        for part in nodeParts { nodes.append(try Node(part, meshes: meshes.count, nodes: nodeParts.count)) }
        try Self.checkForest(nodes)

        var scenes: [(roots: [Int], json: JSONObject)] = []
        for part in try root.parts("scenes") {
            scenes.append((try part.references("nodes", into: "nodes", count: nodes.count), part.object))
        }

        self.asset = asset.object
        self.buffers = buffers
        self.views = views
        self.accessors = accessors
        self.meshes = meshes
        self.nodes = nodes
        self.scenes = scenes
        scene = try root.reference("scene", into: "scenes", count: scenes.count)
        self.images = images
        self.textures = textures
        self.materials = materials
        self.remarks = remarks
    }

    /// More than there are.
    private static let mostExtensions = 256

    /// glTF asks for unique names (2.7); a doubled one would leave readers to disagree about the model.
    private static func parse(_ bytes: [UInt8], _ limits: GLBLimits) throws(GLBFault) -> JSONObject {
        var rules = JSONLimits.strict
        rules.loneSurrogates = .replaced
        rules.values = limits.jsonValues
        rules.bytes = limits.jsonBytes
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.value(of: bytes, limits: rules) } catch {
            throw GLBFault(.badJSON, "the JSON chunk cannot be read: \(error)")
        }
        guard let object = value.object else {
            throw GLBFault(.badJSON, "the JSON chunk must hold an object, and holds \(value.kind)")
        }
        return object
    }

    /// Every node has at most one parent, and none is its own ancestor (glTF 2.0, 3.5.2). With one parent each, a
    /// cycle is a set of nodes that no root leads to.
    private static func checkForest(_ nodes: [Node]) throws(GLBFault) {
        var parents = [Int](repeating: -1, count: nodes.count)
        for (index, node) in nodes.enumerated() {
            for child in node.children {
                guard parents[child] < 0 else {
                    throw GLBFault(
                        .notATree, "node \(child) is a child of both node \(parents[child]) and node \(index)")
                }
                parents[child] = index
            }
        }
        var reached = 0
        var waiting = nodes.indices.filter { parents[$0] < 0 }
        while let index = waiting.popLast() {
            reached += 1
            waiting += nodes[index].children
        }
        guard reached == nodes.count else {
            throw GLBFault(.notATree, "\(nodes.count - reached) of \(nodes.count) nodes are their own ancestors")
        }
    }
}

extension Document.Buffer {
    fileprivate init(_ part: JSONPart, index: Int, binaryCount: Int) throws(GLBFault) {
        length = try part.requiredInteger("byteLength", in: 1...(1 << 53))
        if let uri = try part.string("uri") {
            throw uri.hasPrefix("data:")
                ? GLBFault(
                    .unsupported, "\(part.path) is a data URI; a GLB's geometry is read from its binary chunk only")
                : GLBFault(.externalReference, "\(part.path) is in another file, \"\(uri.prefix(64))\"")
        }
        let isFallback = try part.hasMeshopt()
        isBinaryChunk = index == 0 && !(isFallback && length > binaryCount)
        guard isBinaryChunk || isFallback else {
            throw GLBFault(.badDocument, "\(part.path) has no bytes: only the first buffer may be the binary chunk")
        }
        guard !isBinaryChunk || length <= binaryCount else {
            throw GLBFault(
                .outOfBounds, "\(part.path) says it has \(length) bytes, and the binary chunk has \(binaryCount)")
        }
    }
}

extension BufferView {
    fileprivate init(_ part: JSONPart, buffers: [Document.Buffer]) throws(GLBFault) {
        guard let buffer = try part.reference("buffer", into: "buffers", count: buffers.count) else {
            throw GLBFault(.badDocument, "\(part.place("buffer")) is missing")
        }
        self.buffer = buffer
        offset = try part.integer("byteOffset") ?? 0
        length = try part.requiredInteger("byteLength", in: 1...(1 << 53))
        stride = try part.integer("byteStride", in: 4...252)
        let hasMeshopt = try part.hasMeshopt()
        isCompressed = hasMeshopt || !buffers[buffer].isBinaryChunk
        if let stride, stride % 4 != 0 {
            throw GLBFault(.badDocument, "\(part.place("byteStride")) is \(stride), which is no multiple of 4")
        }
        guard offset <= buffers[buffer].length - length else {
            throw GLBFault(
                .outOfBounds,
                "\(part.path) takes \(length) bytes at \(offset) of a buffer of \(buffers[buffer].length)")
        }
    }
}

extension Document.Image {
    fileprivate init(_ part: JSONPart, views: [BufferView]) throws(GLBFault) {
        view = try part.reference("bufferView", into: "bufferViews", count: views.count)
        mediaType = try part.string("mimeType")
        let uri = try part.string("uri")
        switch (view, uri) {
        case (nil, nil): throw GLBFault(.badDocument, "\(part.path) has neither bufferView nor uri")
        case (_?, _?): throw GLBFault(.badDocument, "\(part.path) has both bufferView and uri")
        case (nil, let uri?) where !uri.hasPrefix("data:"):
            throw GLBFault(.externalReference, "\(part.path) is in another file, \"\(uri.prefix(64))\"")
        case (_?, nil) where mediaType == nil:
            throw GLBFault(.badDocument, "\(part.place("mimeType")) is missing; a picture in a bufferView needs it")
        default: break
        }
    }
}
