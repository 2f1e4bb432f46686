/// A model whose outside has been checked: its bytes, where its chunks lie, and what its document says.
struct Model {
    let bytes: ModelBytes
    let container: Container
    let document: Document
    let limits: GLBLimits

    init(_ bytes: ModelBytes, limits: GLBLimits) throws(GLBFault) {
        let container = try Container(bytes, limits: limits)
        let json = try bytes.bytes(at: container.json.lowerBound, count: container.json.count)
        self.bytes = bytes
        self.container = container
        self.limits = limits
        document = try Document(json: json, binaryCount: container.binary.count, limits: limits)
    }

    var remarks: [String] { container.remarks + document.remarks }

    /// Where a source's first element lies in the file.
    func fileOffset(_ source: Accessor.Source) -> Int {
        container.binary.lowerBound + document.views[source.view].offset + source.offset
    }
}

extension Model {
    /// Memory for one window. Large enough that a read costs little, small enough to stay in the cache.
    private static let windowBytes = 256 << 10

    /// Hands an accessor's elements over in order, window by window, packed without gaps and with sparse values in
    /// their places. Takes the same memory for a thousand elements as for a billion.
    func eachWindow(
        of accessor: Accessor,
        _ body: (_ window: UnsafeRawBufferPointer, _ elements: Range<Int>) throws(GLBFault) -> Void
    ) throws(GLBFault) {
        let size = accessor.elementSize
        let stride = accessor.source.flatMap { document.views[$0.view].stride } ?? size
        let perWindow = max(1, Self.windowBytes / stride)
        let packed = Block<UInt8>(count: min(perWindow, accessor.count) * size)
        let strided = Block<UInt8>(count: stride == size ? 0 : min(perWindow, accessor.count) * stride)
        var sparse = try SparseCursor(self, accessor)
        var first = 0
        while first < accessor.count {
            let elements = first..<min(first + perWindow, accessor.count)
            let window = UnsafeMutableRawBufferPointer(rebasing: packed.raw[0..<(elements.count * size)])
            if let source = accessor.source {
                let offset = fileOffset(source) + first * stride
                if stride == size {
                    try bytes.read(at: offset, into: window)
                } else {
                    // The last element need not be followed by the gap.
                    let span = (elements.count - 1) * stride + size
                    try bytes.read(at: offset, into: UnsafeMutableRawBufferPointer(rebasing: strided.raw[0..<span]))
                    for element in 0..<elements.count {
                        (window.baseAddress! + element * size).copyMemory(
                            from: strided.base + element * stride, byteCount: size)
                    }
                }
            } else {
                window.initializeMemory(as: UInt8.self, repeating: 0)
            }
            try sparse?.apply(to: window, elements, size: size)
            try body(UnsafeRawBufferPointer(window), elements)
            first = elements.upperBound
        }
    }
}

/// Goes through a sparse accessor's replacements in step with its windows, reading a few at a time.
private struct SparseCursor {
    private let model: Model
    private let accessor: Accessor
    private let sparse: Accessor.Sparse
    private var next = 0
    private var last = -1

    init?(_ model: Model, _ accessor: Accessor) throws(GLBFault) {
        guard let sparse = accessor.sparse else { return nil }
        self.model = model
        self.accessor = accessor
        self.sparse = sparse
    }

    mutating func apply(
        to window: UnsafeMutableRawBufferPointer, _ elements: Range<Int>, size: Int
    ) throws(GLBFault) {
        while next < sparse.count {
            let batch = min(sparse.count - next, 4096)
            let indices = try read(sparse.indices, size: sparse.indexComponent.size, batch)
            let values = try read(sparse.values, size: size, batch)
            for position in 0..<batch {
                let index = indices.withUnsafeBytes { sparse.indexComponent.unsigned(in: $0, at: position) }
                guard index < accessor.count else {
                    throw GLBFault(
                        .outOfBounds, "\(accessor.path).sparse names element \(index) of \(accessor.count)")
                }
                if index >= elements.upperBound { return }
                guard index > last else {
                    throw GLBFault(
                        .badDocument, "\(accessor.path).sparse.indices must rise, and has \(index) after \(last)")
                }
                let place = (index - elements.lowerBound) * size
                values.withUnsafeBytes { values in
                    UnsafeMutableRawBufferPointer(rebasing: window[place..<(place + size)])
                        .copyMemory(
                            from: UnsafeRawBufferPointer(rebasing: values[(position * size)..<((position + 1) * size)]))
                }
                last = index
                next += 1
            }
        }
    }

    private func read(_ source: Accessor.Source, size: Int, _ count: Int) throws(GLBFault) -> [UInt8] {
        try model.bytes.bytes(at: model.fileOffset(source) + next * size, count: count * size)
    }
}

extension Accessor.Component {
    /// The unsigned integer at a position of a packed run; only for the three unsigned kinds.
    func unsigned(in bytes: UnsafeRawBufferPointer, at position: Int) -> Int {
        switch size {
        case 1: Int(bytes[position])
        case 2: bytes.littleEndian16(at: position * 2)
        default: bytes.littleEndian32(at: position * 4)
        }
    }
}
