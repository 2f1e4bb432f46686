// The GLB room on a command line, for the checks that are written in another language, the benchmark and the eye:
//     GLBProbe check FILE | strip FILE OUT | thumbnail FILE OUT [SIZE] [transparent]
//     GLBProbe card PICTURE|- OUT SEED [plain] | sample OUT FACES none|png|jpeg|webp SIDE SEED | picture OUT
// Prints one JSON object; exit code 1 and {"fault": code, "message": sentence} for a fault, 2 for a usage mistake.
import Foundation
import GLB
import JSON

func printed(_ summary: GLB.Summary) -> JSONValue {
    func vector(_ v: SIMD3<Float>?) -> JSONValue {
        v.map { .array([$0.x, $0.y, $0.z].map { .decimal(JSONDecimal(Double($0))) }) } ?? .null
    }
    return [
        "bytes": .integer(Int64(summary.byteCount)), "meshes": .integer(Int64(summary.meshes)),
        "primitives": .integer(Int64(summary.primitives)), "vertices": .integer(Int64(summary.vertices)),
        "faces": .integer(Int64(summary.faces)), "has_normals": .bool(summary.hasNormals),
        "has_textures": .bool(summary.hasTextures), "extensions": .array(summary.extensions.map { .string($0) }),
        "minimum": vector(summary.boundingBox?.minimum), "maximum": vector(summary.boundingBox?.maximum),
        "remarks": .array(summary.remarks.map { .string($0) }),
    ]
}

func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

func write(_ bytes: [UInt8], _ path: String) throws -> JSONValue {
    try Data(bytes).write(to: URL(filePath: path))
    return ["bytes": .integer(Int64(bytes.count))]
}

func run(_ words: [String]) throws -> JSONValue? {
    switch (words.first, words.count) {
    case ("check", 2): return printed(try GLB.check(fileAt: words[1]))
    case ("strip", 3): return printed(try GLB.strippingTextures(fileAt: words[1], to: words[2]))
    case ("thumbnail", 3...5):
        let size = words.count > 3 ? Int(words[3]) ?? 400 : 400
        let background: Thumbnail.Background = words.last == "transparent" ? .transparent : .ground
        return try write(Thumbnail.render(glb: words[1], size: size, background: background), words[2])
    case ("card", 4...5):
        let picture = words[1] == "-" ? try Card.builtInPicture() : try read(words[1])
        guard let seed = UInt64(words[3]) else { return nil }
        return try write(Card.build(picture: picture, seed: seed, textured: words.last != "plain"), words[2])
    case ("sample", 6):
        let textures: [String: SampleModel.Texture] = ["none": .none, "png": .png, "jpeg": .jpeg, "webp": .webp]
        guard let faces = Int(words[2]), let texture = textures[words[3]], let side = Int(words[4]),
            let seed = UInt64(words[5])
        else { return nil }
        return try write(SampleModel.build(faces: faces, texture: texture, side: side, seed: seed), words[1])
    case ("picture", 2): return try write(Card.builtInPicture(), words[1])
    default: return nil
    }
}

do {
    guard let answer = try run(Array(CommandLine.arguments.dropFirst())) else {
        print("usage: GLBProbe check|strip|thumbnail|card|sample|picture …, see Tests/GLBProbe/main.swift")
        exit(2)
    }
    print(answer)
} catch let fault as GLBFault {
    print(JSONValue.object(["fault": .string(fault.code.rawValue), "message": .string(fault.message)]))
    exit(1)
} catch let fault as PictureFault {
    print(JSONValue.object(["fault": .string(fault.code.rawValue), "message": .string(fault.message)]))
    exit(1)
}
