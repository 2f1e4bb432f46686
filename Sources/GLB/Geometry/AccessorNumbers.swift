/// Numbers of packed elements, as floats (glTF 2.0, 3.11: how integers are read as fractions).
extension Accessor {
    /// A three-component element.
    @inline(__always)
    func vector3(in window: UnsafeRawBufferPointer, at element: Int) -> SIMD3<Float> {
        if component == .float {
            let base = window.baseAddress! + element * 12
            return SIMD3(
                base.loadUnaligned(as: Float.self), base.loadUnaligned(fromByteOffset: 4, as: Float.self),
                base.loadUnaligned(fromByteOffset: 8, as: Float.self))
        }
        return SIMD3(
            number(in: window, at: element * 3), number(in: window, at: element * 3 + 1),
            number(in: window, at: element * 3 + 2))
    }

    /// The number at a position of a packed run.
    @inline(__always)
    func number(in window: UnsafeRawBufferPointer, at position: Int) -> Float {
        let base = window.baseAddress! + position * component.size
        return switch component {
        case .float: base.loadUnaligned(as: Float.self)
        case .unsignedByte: fraction(Float(base.load(as: UInt8.self)), 255)
        case .unsignedShort: fraction(Float(base.loadUnaligned(as: UInt16.self)), 65_535)
        case .byte: fraction(Float(base.load(as: Int8.self)), 127)
        case .short: fraction(Float(base.loadUnaligned(as: Int16.self)), 32_767)
        case .unsignedInt: Float(base.loadUnaligned(as: UInt32.self))
        }
    }

    /// The accessor with its integers left as integers.
    var asStored: Accessor {
        var accessor = self
        accessor.isNormalized = false
        return accessor
    }

    /// What a stored vector means.
    func value(_ stored: SIMD3<Float>) -> SIMD3<Float> {
        guard isNormalized else { return stored }
        let whole: Float =
            switch component {
            case .unsignedByte: 255
            case .unsignedShort: 65_535
            case .byte: 127
            case .short: 32_767
            default: 1
            }
        return pointwiseMax(stored / whole, SIMD3(repeating: -1))
    }

    @inline(__always)
    private func fraction(_ value: Float, _ whole: Float) -> Float {
        isNormalized ? max(value / whole, -1) : value
    }
}

extension Model {
    /// All of an accessor's numbers as floats, `width` a vertex; components beyond the accessor's own are `filler`.
    func floats(_ accessor: Accessor, width: Int, filler: Float = 1) throws(GLBFault) -> Block<Float> {
        let block = Block<Float>(count: accessor.count * width)
        let target = block.base
        let own = min(width, accessor.shape.components)
        let components = accessor.shape.components
        try eachWindow(of: accessor) { (window, elements) throws(GLBFault) in
            let start = target + elements.lowerBound * width
            if accessor.component == .float, components == width {
                UnsafeMutableRawPointer(start).copyMemory(from: window.baseAddress!, byteCount: window.count)
                return
            }
            for element in 0..<elements.count {
                for part in 0..<own {
                    start[element * width + part] = accessor.number(in: window, at: element * components + part)
                }
                for part in own..<width { start[element * width + part] = filler }
            }
        }
        return block
    }

    /// All of an accessor's indices. Those beyond `vertices` are a fault, so that whoever follows them need not look.
    func indices(_ accessor: Accessor, vertices: Int) throws(GLBFault) -> Block<UInt32> {
        let block = Block<UInt32>(count: accessor.count)
        let target = block.base
        try eachWindow(of: accessor) { (window, elements) throws(GLBFault) in
            for element in 0..<elements.count {
                let index = accessor.component.unsigned(in: window, at: element)
                guard index < vertices else {
                    throw GLBFault(
                        .outOfBounds, "\(accessor.path) has the index \(index), and there are \(vertices) vertices")
                }
                target[elements.lowerBound + element] = UInt32(truncatingIfNeeded: index)
            }
        }
        return block
    }
}
