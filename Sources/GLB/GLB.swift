/// Binary glTF models as providers deliver them: checked, stripped to their geometry, and drawn.
package enum GLB {
    /// What a model file holds.
    package struct Summary: Sendable, Equatable {
        package var byteCount = 0
        package var meshes = 0
        package var primitives = 0
        /// Vertices and faces as stored, however often the scene shows them.
        package var vertices = 0
        package var faces = 0
        package var hasNormals = false
        package var hasTextures = false
        package var extensions: [String] = []
        /// Where the scene lies: a box around the boxes of its parts. Nil when the geometry is compressed.
        package var boundingBox: BoundingBox?
        /// Where the file departs from the specification without harm, in sentences for a log.
        package var remarks: [String] = []
    }

    /// Checks a model file as a stranger's: container, document, every position and every index. Memory does not
    /// depend on the file's size nor on what it claims. Throws the first fault that would break a reader.
    package static func check(fileAt path: String, limits: GLBLimits = GLBLimits()) throws(GLBFault) -> Summary {
        try Summary(Model(ModelBytes(path: path), limits: limits))
    }

    package static func check(_ bytes: [UInt8], limits: GLBLimits = GLBLimits()) throws(GLBFault) -> Summary {
        try Summary(Model(ModelBytes(bytes), limits: limits))
    }
}

extension GLB.Summary {
    init(_ model: Model) throws(GLBFault) {
        let document = model.document
        let inspection = try Inspection(model)
        byteCount = model.bytes.count
        meshes = document.meshes.count
        primitives = document.meshes.reduce(0) { $0 + $1.primitives.count }
        vertices = inspection.vertices
        faces = inspection.faces
        hasNormals = inspection.hasNormals
        hasTextures = !document.images.isEmpty
        extensions = document.extensionsUsed
        remarks = model.remarks + inspection.remarks
        for instance in try document.instances() {
            guard let position = instance.primitive.attribute("POSITION"), let box = inspection.boxes[position] else {
                continue
            }
            let moved = box.moved(by: instance.transform)
            boundingBox = boundingBox.map { $0.union(moved) } ?? moved
        }
        remarks += try Self.pictureRemarks(model)
        remarks = Array(remarks.prefix(Self.mostRemarks))
    }

    /// More of them tell nobody more, and a hostile file could ask for a million.
    private static let mostRemarks = 32

    /// A picture that is not what it is called, or no picture at all, spoils the looks and not the model.
    private static func pictureRemarks(_ model: Model) throws(GLBFault) -> [String] {
        var remarks: [String] = []
        for (index, image) in model.document.images.prefix(mostRemarks).enumerated() {
            guard let view = image.view.map({ model.document.views[$0] }), !view.isCompressed else { continue }
            let start = try model.bytes.bytes(
                at: model.container.binary.lowerBound + view.offset, count: min(view.length, 64 << 10))
            do throws(PictureFault) {
                let header = try Picture.Header.read(start)
                if let said = image.mediaType, said != header.format.mediaType {
                    remarks.append("images[\(index)] is called \(said) and is \(header.format.mediaType)")
                }
            } catch  where error.code == .truncated && view.length > start.count {
                // A header that is longer than what was read of it, as a large colour profile makes it.
            } catch {
                remarks.append("images[\(index)]: \(error)")
            }
        }
        return remarks
    }
}
