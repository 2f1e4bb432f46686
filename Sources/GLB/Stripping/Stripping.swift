import JSON

extension GLB {
    /// Writes the model's geometry alone to another file: positions, indices and normals, the nodes that place them,
    /// and nothing that is for looks. Normals are computed where there are none. Numbers are copied window by
    /// window, so that memory grows with the model only where normals must be computed. The outcome is checked like
    /// a stranger's file, and is removed again on any fault.
    package static func strippingTextures(
        fileAt input: String, to output: String, limits: GLBLimits = GLBLimits()
    ) throws(GLBFault) -> Summary {
        try strip(Model(ModelBytes(path: input), limits: limits), to: output)
    }

    package static func strippingTextures(
        _ bytes: [UInt8], to output: String, limits: GLBLimits = GLBLimits()
    ) throws(GLBFault) -> Summary {
        try strip(Model(ModelBytes(bytes), limits: limits), to: output)
    }

    private static func strip(_ model: Model, to output: String) throws(GLBFault) -> Summary {
        var plan = try StripPlan(model, Inspection(model))
        let document = plan.document(generator: "trellis-gateway geometry only")
        // Normals and written-out sparse values can make geometry grow a little; a claim of millions of zeros in a
        // file of a kilobyte would make it grow without end.
        let most = 4 * model.bytes.count + (1 << 20)
        guard plan.byteCount <= most else {
            throw GLBFault(
                .tooLarge,
                "the geometry alone would take \(plan.byteCount) bytes, of a file of \(model.bytes.count); at most \(most) are written"
            )
        }
        var file = try ModelOutput(path: output)
        try file.append(Container.head(json: document.bytes, binaryCount: plan.byteCount))
        for piece in plan.pieces {
            switch piece {
            case .vertices(let accessor), .indices(let accessor):
                try copy(accessor, stride: piece.stride, of: model, to: &file)
            case .normals(let positions):
                try writeNormals(positions, plan, of: model, to: &file)
            }
            try file.pad()
        }
        let summary = try check(fileAt: output, limits: model.limits)
        file.finish()
        return summary
    }

    private static func copy(
        _ accessor: Accessor, stride: Int, of model: Model, to file: inout ModelOutput
    ) throws(GLBFault) {
        let size = accessor.elementSize
        var spaced: [UInt8] = []
        try model.eachWindow(of: accessor) { (window, elements) throws(GLBFault) in
            if stride == size { return try file.append(window) }
            spaced.removeAll(keepingCapacity: true)
            for element in 0..<elements.count {
                spaced.append(contentsOf: window[(element * size)..<((element + 1) * size)])
                spaced.append(contentsOf: repeatElement(0, count: stride - size))
            }
            try file.append(spaced)
        }
    }

    /// Computes normals over every primitive that uses these positions, so that no seam shows where they meet.
    private static func writeNormals(
        _ positions: Accessor, _ plan: StripPlan, of model: Model, to file: inout ModelOutput
    ) throws(GLBFault) {
        let document = model.document
        let primitives = plan.users[positions.index] ?? []
        guard let box = plan.box(positions) else { preconditionFailure("all positions were inspected") }
        let indexCount = primitives.compactMap(\.indices).map { document.accessors[$0].count }.max() ?? 0
        let needed = SmoothNormals.workingBytes(vertices: positions.count) + indexCount * 4
        guard needed <= model.limits.workingBytes else {
            throw GLBFault(
                .tooLarge,
                "normals for \(positions.count) vertices take \(needed) bytes to compute; at most \(model.limits.workingBytes) are allowed"
            )
        }
        let normals = SmoothNormals(try model.floats(positions, width: 3), within: box)
        for primitive in primitives {
            if let indices = primitive.indices {
                let indices = try model.indices(document.accessors[indices], vertices: positions.count)
                let index = indices.base
                primitive.mode.eachTriangle(count: indices.count) { a, b, c in
                    normals.add(Int(index[a]), Int(index[b]), Int(index[c]))
                }
            } else {
                primitive.mode.eachTriangle(count: positions.count) { a, b, c in normals.add(a, b, c) }
            }
        }
        let window = Block<Float>(count: 3 * 16_384)
        var first = 0
        while first < positions.count {
            let count = min(16_384, positions.count - first)
            for vertex in 0..<count {
                let normal = normals.normal(first + vertex)
                for axis in 0..<3 { window.base[vertex * 3 + axis] = normal[axis] }
            }
            try file.append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(window.raw)[0..<(count * 12)]))
            first += count
        }
    }
}
