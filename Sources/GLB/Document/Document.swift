import JSON

/// A glTF document whose every reference points at something that exists and whose every view lies within the
/// binary chunk. What only looks matter for (cameras, animations, most of the materials) is left unread.
struct Document {
    struct Buffer {
        let length: Int
        /// Whether its bytes are the binary chunk; the other kind that is let in has none (compression fallbacks).
        let isBinaryChunk: Bool
    }

    struct Primitive {
        let attributes: [(name: String, accessor: Int)]
        let targets: [[(name: String, accessor: Int)]]
        let indices: Int?
        let material: Int?
        let mode: Mode
        let isCompressed: Bool

        func attribute(_ name: String) -> Int? { attributes.first { $0.name == name }?.accessor }
    }

    enum Mode: Int {
        case points = 0
        case lines, lineLoop, lineStrip, triangles, triangleStrip, triangleFan

        func faces(vertices: Int) -> Int {
            switch self {
            case .triangles: vertices / 3
            case .triangleStrip, .triangleFan: max(0, vertices - 2)
            default: 0
            }
        }
    }

    struct Mesh {
        let primitives: [Primitive]
        let json: JSONObject
    }

    struct Node {
        let children: [Int]
        let mesh: Int?
        let isSkinned: Bool
        let isInstanced: Bool
        let transform: Matrix
        let json: JSONObject
    }

    struct Image {
        /// Nil for a picture in a data URI.
        let view: Int?
        let mediaType: String?
    }

    let asset: JSONObject
    let extensionsUsed: [String]
    let extensionsRequired: [String]
    let buffers: [Buffer]
    let views: [BufferView]
    let accessors: [Accessor]
    let meshes: [Mesh]
    let nodes: [Node]
    let scenes: [(roots: [Int], json: JSONObject)]
    let scene: Int?
    let images: [Image]
    let textures: [Texture]
    let materials: [Material]
    let remarks: [String]
}
