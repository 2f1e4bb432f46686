// Throws bytes at every door of the GLB room: checking, stripping, drawing, and reading pictures. Whatever comes must
// end in a fault or a result; a trap, a stray pointer, a minute or a gigabyte is a find. `glb.sh` builds and runs it.
//
// The first byte says what the rest is:
//     G  a GLB file as it stands
//     J  a document, a zero byte, and a binary chunk: put into a sound container here, so that random changes reach
//        what lies behind the lengths of the chunks
//     P  a picture
#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif
import GLB

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
    guard let kind = input.first else { return 0 }
    let rest = Array(input.dropFirst())
    switch kind {
    case UInt8(ascii: "G"): tryModel(rest)
    case UInt8(ascii: "J"): tryModel(container(rest))
    case UInt8(ascii: "P"): tryPicture(rest)
    default: return -1
    }
    return 0
}

func tryModel(_ bytes: [UInt8]) {
    guard (try? GLB.check(bytes, limits: limits)) != nil else { return }
    let output = "/dev/shm/glb-fuzz-\(getpid()).glb"
    // A stripped file has passed the check already; that its size is one is all that is left to say.
    if let stripped = try? GLB.strippingTextures(bytes, to: output, limits: limits) {
        precondition(stripped.faces > 0 && !stripped.hasTextures)
        unlink(output)
    }
    precondition(access(output, F_OK) != 0, "a file was left behind")
    _ = try? Thumbnail.render(
        bytes, size: 12, background: bytes.count % 2 == 0 ? .ground : .transparent, limits: limits)
}

func tryPicture(_ bytes: [UInt8]) {
    guard let header = try? Picture.Header.read(bytes) else { return }
    precondition(header.width > 0 && header.height > 0)
    guard let pixels = try? Picture.decode(bytes, limits: limits.texture) else { return }
    precondition(pixels.width == header.width && pixels.height == header.height)
    _ = try? Card.build(picture: bytes, seed: 1, textured: true)
}

/// Small enough that a second shows thousands of inputs.
let limits: GLBLimits = {
    var limits = GLBLimits()
    limits.vertices = 100_000
    limits.faces = 100_000
    limits.workingBytes = 64 << 20
    limits.drawnSamples = 4 << 20
    limits.texture = Picture.Limits(pixels: 256 * 256)
    return limits
}()

func container(_ input: [UInt8]) -> [UInt8] {
    let end = input.firstIndex(of: 0) ?? input.count
    let json = input[..<end]
    let binary = input.dropFirst(end + 1)
    func number(_ value: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(value).littleEndian) { Array($0) } }
    func chunk(_ kind: String, _ content: ArraySlice<UInt8>, _ filler: UInt8) -> [UInt8] {
        let padding = -content.count & 3
        return number(content.count + padding) + Array(kind.utf8) + content + [UInt8](repeating: filler, count: padding)
    }
    let body = chunk("JSON", json, 0x20) + (binary.isEmpty ? [] : chunk("BIN\0", binary, 0))
    return Array("glTF".utf8) + number(2) + number(12 + body.count) + body
}
