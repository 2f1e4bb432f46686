/// What a look at every number of the geometry found: that all positions are finite, where they lie, and that no
/// index points past its vertices.
struct Inspection {
    private(set) var boxes: [Int: BoundingBox] = [:]
    /// The same in the numbers as they are stored, which is what an accessor's min and max speak of.
    private(set) var bounds: [Int: BoundingBox] = [:]
    private(set) var vertices = 0
    private(set) var faces = 0
    private(set) var hasNormals = true
    private(set) var remarks: [String] = []

    init(_ model: Model) throws(GLBFault) {
        let document = model.document
        try countAndLimit(model)
        // The same indices may serve several sets of vertices; the smallest one decides.
        var vertexCounts: [Int: Int] = [:]
        for primitive in document.meshes.flatMap(\.primitives) where primitive.isReadable(in: document) {
            guard let position = primitive.attribute("POSITION") else { continue }
            let accessor = document.accessors[position]
            if boxes[position] == nil { try inspectPositions(model, accessor) }
            if let indices = primitive.indices {
                vertexCounts[indices] = min(vertexCounts[indices] ?? accessor.count, accessor.count)
            }
        }
        for (indices, vertices) in vertexCounts.sorted(by: { $0.key < $1.key }) {
            try Self.inspectIndices(model, document.accessors[indices], vertices: vertices)
        }
    }

    /// Counts what the document claims, and refuses too much before a single number is read: a JSON of kilobytes can
    /// name the same gigabyte a thousand times.
    private mutating func countAndLimit(_ model: Model) throws(GLBFault) {
        let document = model.document
        var counted: Set<Int> = []
        var indexElements = 0
        for mesh in document.meshes {
            for primitive in mesh.primitives {
                guard let position = primitive.attribute("POSITION") else { continue }
                if counted.insert(position).inserted { vertices += min(document.accessors[position].count, 1 << 40) }
                let elements = document.accessors[primitive.indices ?? position].count
                if let indices = primitive.indices, counted.insert(indices).inserted {
                    indexElements += min(elements, 1 << 40)
                }
                faces += min(primitive.mode.faces(vertices: elements), 1 << 40)
                hasNormals = hasNormals && (primitive.attribute("NORMAL") != nil)
                try Self.limit(vertices, model.limits.vertices, "vertices")
                try Self.limit(faces, model.limits.faces, "faces")
                try Self.limit(indexElements, 3 * model.limits.faces + model.limits.vertices, "indices")
            }
        }
        guard faces > 0 else {
            throw GLBFault(
                .noTriangles, "the model has \(document.meshes.count) meshes and \(vertices) vertices, but no triangle")
        }
    }

    private static func limit(_ count: Int, _ limit: Int, _ what: String) throws(GLBFault) {
        guard count <= limit else {
            throw GLBFault(.tooLarge, "the model has \(count) \(what) or more; at most \(limit) are read")
        }
    }

    private mutating func inspectPositions(_ model: Model, _ accessor: Accessor) throws(GLBFault) {
        var low = SIMD3<Float>(repeating: .infinity)
        var high = -low
        let stored = accessor.asStored
        try model.eachWindow(of: stored) { (window, elements) throws(GLBFault) in
            for element in 0..<elements.count {
                let point = stored.vector3(in: window, at: element)
                // Not a number fails every comparison, and the difference of a finite number from itself is zero.
                guard (point - point) == SIMD3() else {
                    throw GLBFault(
                        .notFinite,
                        "position \(elements.lowerBound + element) in \(accessor.path) is (\(point.x), \(point.y), \(point.z))"
                    )
                }
                low = pointwiseMin(low, point)
                high = pointwiseMax(high, point)
            }
        }
        bounds[accessor.index] = BoundingBox(minimum: low, maximum: high)
        boxes[accessor.index] = BoundingBox(minimum: accessor.value(low), maximum: accessor.value(high))
        remarkOnBounds(accessor, low, high)
    }

    /// Declared bounds that do not fit are told, not refused: viewers frame by them, nothing breaks, and the model
    /// has been paid for.
    private mutating func remarkOnBounds(_ accessor: Accessor, _ low: SIMD3<Float>, _ high: SIMD3<Float>) {
        guard let minimum = accessor.minimum, let maximum = accessor.maximum else {
            remarks.append("\(accessor.path) holds positions and lacks min or max")
            return
        }
        let size = high - low
        let tolerance = Double(max(size.x, size.y, size.z)) * 1e-4 + 1e-12
        for axis in 0..<3
        where abs(minimum[axis] - Double(low[axis])) > tolerance || abs(maximum[axis] - Double(high[axis])) > tolerance
        {
            remarks.append("\(accessor.path) says its positions lie elsewhere than they do")
            return
        }
    }

    private static func inspectIndices(_ model: Model, _ accessor: Accessor, vertices: Int) throws(GLBFault) {
        try model.eachWindow(of: accessor) { (window, elements) throws(GLBFault) in
            let largest: Int =
                switch accessor.component.size {
                case 1: window.largest(UInt8.self)
                case 2: window.largest(UInt16.self)
                default: window.largest(UInt32.self)
                }
            guard largest < vertices else {
                throw GLBFault(
                    .outOfBounds, "\(accessor.path) has the index \(largest), and there are \(vertices) vertices")
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The largest of a packed run of little-endian integers; the loop compiles to vector instructions.
    fileprivate func largest<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_: Number.Type) -> Int {
        withMemoryRebound(to: Number.self) { numbers in
            var largest: Number = 0
            for number in numbers { largest = Swift.max(largest, number) }
            return Int(largest)
        }
    }
}

extension Document.Primitive {
    /// Whether its vertices and indices are there uncompressed.
    func isReadable(in document: Document) -> Bool {
        guard !isCompressed else { return false }
        let used = attributes.map(\.accessor) + (indices.map { [$0] } ?? [])
        return !used.contains { document.isCompressed($0) }
    }
}

extension Document {
    func isCompressed(_ accessor: Int) -> Bool {
        let accessor = accessors[accessor]
        let views = [accessor.source?.view, accessor.sparse?.indices.view, accessor.sparse?.values.view]
        return views.contains { $0.map { self.views[$0].isCompressed } ?? false }
    }
}
