extension Accessor {
    init(_ part: JSONPart, index: Int, views: [BufferView]) throws(GLBFault) {
        self.index = index
        component = try Self.component(part)
        guard let name = try part.string("type"), let shape = Shape(rawValue: name) else {
            throw GLBFault(.badDocument, "\(part.place("type")) must be SCALAR, VEC2, VEC3, VEC4, MAT2, MAT3 or MAT4")
        }
        self.shape = shape
        count = try part.requiredInteger("count", in: 1...(1 << 53))
        isNormalized = try part.bool("normalized") ?? false
        minimum = try part.numbers("min", count: shape.components)
        maximum = try part.numbers("max", count: shape.components)
        source = try Source(part, offset: "byteOffset", views: views)
        if let sparse = try part.part("sparse") {
            self.sparse = try Sparse(sparse, of: count, views: views)
        } else {
            sparse = nil
        }
        if let source {
            try source.check(
                part.path, elements: count, size: shape.size(of: component), component: component, views: views,
                isStrided: true)
        }
        try sparse?.values.check(
            "\(part.path).sparse.values", elements: sparse?.count ?? 0, size: shape.size(of: component),
            component: component, views: views, isStrided: false)
    }

    fileprivate static func component(_ part: JSONPart) throws(GLBFault) -> Component {
        let number = try part.requiredInteger("componentType")
        guard let component = Component(rawValue: number) else {
            throw GLBFault(
                .badDocument,
                "\(part.place("componentType")) must be 5120, 5121, 5122, 5123, 5125 or 5126, and is \(number)")
        }
        return component
    }
}

extension Accessor.Sparse {
    fileprivate init(_ part: JSONPart, of total: Int, views: [BufferView]) throws(GLBFault) {
        count = try part.requiredInteger("count", in: 1...total)
        let indexPart = try part.requiredPart("indices")
        indexComponent = try Accessor.component(indexPart)
        guard [.unsignedByte, .unsignedShort, .unsignedInt].contains(indexComponent) else {
            throw GLBFault(.badDocument, "\(indexPart.place("componentType")) must be 5121, 5123 or 5125")
        }
        guard let indices = try Accessor.Source(indexPart, offset: "byteOffset", views: views),
            let values = try Accessor.Source(try part.requiredPart("values"), offset: "byteOffset", views: views)
        else {
            throw GLBFault(.badDocument, "\(part.path) must name a bufferView for its indices and for its values")
        }
        self.indices = indices
        self.values = values
        try indices.check(
            indexPart.path, elements: count, size: indexComponent.size, component: indexComponent, views: views,
            isStrided: false)
    }
}

extension Accessor.Source {
    fileprivate init?(_ part: JSONPart, offset name: String, views: [BufferView]) throws(GLBFault) {
        guard let view = try part.reference("bufferView", into: "bufferViews", count: views.count) else { return nil }
        self.init(view: view, offset: try part.integer(name) ?? 0)
    }

    /// The elements end within the view, and begin where their numbers may (glTF 2.0, 3.6.2.4): a browser cannot
    /// open a typed array at an odd place. No sum here overflows, for every figure is at most 2^53 and a stride 252.
    fileprivate func check(
        _ path: String, elements: Int, size: Int, component: Accessor.Component, views: [BufferView], isStrided: Bool
    ) throws(GLBFault) {
        let view = views[self.view]
        guard !view.isCompressed else { return }
        let stride = isStrided ? view.stride ?? size : size
        guard stride >= size else {
            throw GLBFault(.badDocument, "\(path) has elements of \(size) bytes, every \(stride) bytes")
        }
        let end = offset + (elements - 1) * stride + size
        guard end <= view.length else {
            throw GLBFault(
                .outOfBounds,
                "\(path) has \(elements) elements that end at byte \(end) of bufferViews[\(self.view)], which has \(view.length)"
            )
        }
        guard offset % component.size == 0, (view.offset + offset) % component.size == 0 else {
            throw GLBFault(
                .badDocument,
                "\(path) begins at byte \(view.offset + offset), which is no multiple of its numbers' \(component.size) bytes"
            )
        }
    }
}
