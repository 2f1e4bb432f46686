/// The outer shape of a GLB file (glTF 2.0, 4.4): twelve bytes of header, one JSON chunk, at most one BIN chunk,
/// then perhaps chunks of kinds that are not known, which readers must pass over.
struct Container {
    let json: Range<Int>
    let binary: Range<Int>
    /// Departures that harm nobody.
    private(set) var remarks: [String] = []

    init(_ bytes: ModelBytes, limits: GLBLimits) throws(GLBFault) {
        guard bytes.count <= limits.fileBytes else {
            throw GLBFault(.tooLarge, "the file has \(bytes.count) bytes; at most \(limits.fileBytes) are read")
        }
        try Self.checkHeader(bytes)
        var json: Range<Int>?
        var binary: Range<Int>?
        var at = 12
        var position = 0
        while at < bytes.count {
            let chunk = try Chunk(bytes, at: at)
            switch (position, chunk.kind) {
            case (0, Chunk.json): json = chunk.content
            case (1, Chunk.binary): binary = chunk.content
            case (0, _):
                throw GLBFault(.badChunk, "the first chunk must be JSON, and is of kind \(chunk.name)")
            case (_, Chunk.json), (_, Chunk.binary):
                throw GLBFault(
                    .badChunk, "chunk \(position) at byte \(at) is a \(chunk.name) chunk, which may not stand there")
            default:
                remarks.append("chunk \(position) is of the unknown kind \(chunk.name)")
            }
            at = chunk.content.upperBound
            position += 1
            guard position <= 64 else { throw GLBFault(.badChunk, "the file has more than 64 chunks") }
        }
        guard let json else { throw GLBFault(.truncated, "the file has a header and no chunk") }
        guard json.count <= limits.jsonBytes else {
            throw GLBFault(.tooLarge, "the JSON chunk has \(json.count) bytes; at most \(limits.jsonBytes) are read")
        }
        self.json = json
        self.binary = binary ?? bytes.count..<bytes.count
    }

    private static func checkHeader(_ bytes: ModelBytes) throws(GLBFault) {
        guard bytes.count >= 12 else {
            throw GLBFault(
                bytes.count == 0 ? .notGLB : .truncated, "the file has \(bytes.count) bytes; the header of a GLB has 12"
            )
        }
        let header = try bytes.bytes(at: 0, count: 12)
        try header.withUnsafeBytesTyped { (header) throws(GLBFault) in
            guard header.ascii(at: 0, count: 4) == "glTF" else {
                let what: String =
                    switch Picture.Signature(header) {
                    case .picture(let format): "a \(format.rawValue.uppercased()) picture"
                    case .other(let name): name
                    }
                throw GLBFault(.notGLB, "a GLB begins with \"glTF\"; this is \(what)")
            }
            let version = header.littleEndian32(at: 4)
            guard version == 2 else {
                throw GLBFault(.wrongVersion, "the GLB has version \(version); only version 2 is read")
            }
            let length = header.littleEndian32(at: 8)
            guard length >= bytes.count else {
                throw GLBFault(.trailingBytes, "the GLB says it has \(length) bytes, and the file has \(bytes.count)")
            }
            guard length <= bytes.count else {
                throw GLBFault(.truncated, "the GLB says it has \(length) bytes, and the file has \(bytes.count)")
            }
        }
    }
}

private struct Chunk {
    static let json = 0x4E4F_534A
    static let binary = 0x004E_4942

    let kind: Int
    let content: Range<Int>

    init(_ bytes: ModelBytes, at offset: Int) throws(GLBFault) {
        guard offset + 8 <= bytes.count else {
            throw GLBFault(.truncated, "the file ends after \(bytes.count) bytes, inside the chunk header at \(offset)")
        }
        let header = try bytes.bytes(at: offset, count: 8)
        let (length, kind) = header.withUnsafeBytes { ($0.littleEndian32(at: 0), $0.littleEndian32(at: 4)) }
        guard length % 4 == 0 else {
            throw GLBFault(.badChunk, "the chunk at byte \(offset) has \(length) bytes, which is no multiple of 4")
        }
        guard length <= bytes.count - offset - 8 else {
            throw GLBFault(
                .truncated,
                "the chunk at byte \(offset) says it has \(length) bytes, and \(bytes.count - offset - 8) are left")
        }
        self.kind = kind
        content = (offset + 8)..<(offset + 8 + length)
    }

    var name: String {
        switch kind {
        case Self.json: "JSON"
        case Self.binary: "BIN"
        default: "0x" + String(kind, radix: 16)
        }
    }
}
