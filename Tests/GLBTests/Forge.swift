import GLB

/// GLB files made by hand, right or wrong in any way that a test wants.
struct Forge {
    /// One triangle: three positions, then three indices of two bytes.
    static let triangle = Forge(
        json: """
            {"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],"nodes":[{"mesh":0}],
            "meshes":[{"primitives":[{"attributes":{"POSITION":0},"indices":1}]}],
            "accessors":[{"bufferView":0,"componentType":5126,"count":3,"type":"VEC3","min":[0,0,0],"max":[1,1,0]},
            {"bufferView":1,"componentType":5123,"count":3,"type":"SCALAR"}],
            "bufferViews":[{"buffer":0,"byteLength":36},{"buffer":0,"byteOffset":36,"byteLength":6}],
            "buffers":[{"byteLength":42}]}
            """,
        binary: floats([0, 0, 0, 1, 0, 0, 0, 1, 0]) + [0, 0, 1, 0, 2, 0])

    var json: String
    var binary: [UInt8]
    var magic = Array("glTF".utf8)
    var version: UInt32 = 2
    /// What the header says beyond the true length.
    var lengthError: Int = 0
    var jsonKind = "JSON"
    /// Chunks after the JSON; the binary chunk is one of them.
    var chunks: [(kind: String, content: [UInt8])]

    init(json: String, binary: [UInt8]) {
        self.json = json
        self.binary = binary
        chunks = [("BIN\0", binary)]
    }

    func replacing(_ old: String, _ new: String) -> Forge {
        precondition(json.contains(old), "the document has no \(old)")
        var forge = self
        forge.json = json.replacing(old, with: new)
        return forge
    }

    func with(binary: [UInt8]) -> Forge {
        var forge = self
        forge.chunks = [("BIN\0", binary)]
        return forge
    }

    var bytes: [UInt8] {
        var body = Self.chunk(jsonKind, Array(json.utf8), padding: 0x20)
        for chunk in chunks { body += Self.chunk(chunk.kind, chunk.content, padding: 0) }
        return magic + Self.number(version) + Self.number(UInt32(12 + body.count + lengthError)) + body
    }

    private static func chunk(_ kind: String, _ content: [UInt8], padding: UInt8) -> [UInt8] {
        let padded = content + [UInt8](repeating: padding, count: -content.count & 3)
        return number(UInt32(padded.count)) + Array(kind.utf8) + padded
    }

    static func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }

    static func floats(_ values: [Float]) -> [UInt8] { values.flatMap { number($0.bitPattern) } }
}

/// The fault that a piece of work ends in, if it does.
func fault(of work: () throws -> Void) -> GLBFault? {
    do {
        try work()
        return nil
    } catch {
        return error as? GLBFault
    }
}
