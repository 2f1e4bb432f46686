import Foundation

/// The files beside the tests, and temporary ones.
enum Files {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()

    /// Models written by trimesh and pygltflib; `Tests/blackbox/glb_models.py` says how.
    static let models = [
        "index-sizes", "interleaved", "moved-texture", "no-normals", "node-transforms", "quantized", "see-through",
        "several-meshes", "sparse", "strips-and-fans", "textured-jpeg", "textured-png", "textured-webp",
        "vertex-colours",
    ]

    static func model(_ name: String) -> String { folder.appending(path: "models/\(name).glb").path }

    static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

    /// A folder that is gone when the body is done.
    static func withTemporaryFolder<Value>(_ body: (URL) throws -> Value) throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appending(path: "glb-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }
}
