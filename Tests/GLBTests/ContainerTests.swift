import GLB
import Testing

struct ContainerTests {
    @Test func `a triangle is read`() throws {
        let summary = try GLB.check(Forge.triangle.bytes)
        #expect(summary.faces == 1)
        #expect(summary.vertices == 3)
        #expect(summary.boundingBox?.minimum == SIMD3(0, 0, 0))
        #expect(summary.boundingBox?.maximum == SIMD3(1, 1, 0))
        #expect(summary.remarks == [])
    }

    @Test func `every cut of a file is told as a fault`() throws {
        let bytes = try Files.bytes(Files.model("interleaved"))
        for count in 0..<bytes.count {
            let fault = fault { _ = try GLB.check(Array(bytes[..<count])) }
            #expect(
                fault?.code == (count == 0 ? .notGLB : .truncated), "at \(count) bytes: \(String(describing: fault))")
        }
    }

    @Test func `other files are named`() throws {
        let png = try Card.builtInPicture()
        #expect(fault { _ = try GLB.check(png) }?.message.contains("a PNG picture") == true)
        let page = Array("<!doctype html><title>502 Bad Gateway</title>".utf8)
        #expect(fault { _ = try GLB.check(page) }?.message.contains("an HTML page") == true)
        let text = Array("{\"error\":\"expired\"}".utf8)
        #expect(fault { _ = try GLB.check(text) }?.message == "a GLB begins with \"glTF\"; this is JSON text")
    }

    @Test func `version, length and trailing bytes are held to`() {
        var forge = Forge.triangle
        forge.version = 1
        #expect(code(forge) == .wrongVersion)
        forge = .triangle
        forge.lengthError = 4
        #expect(code(forge) == .truncated)
        forge.lengthError = -4
        #expect(code(forge) == .trailingBytes)
        #expect(fault { _ = try GLB.check(Forge.triangle.bytes + [0]) }?.code == .trailingBytes)
    }

    @Test func `chunks stand in their order, once`() {
        var forge = Forge.triangle
        forge.chunks.append(("BIN\0", forge.binary))
        #expect(code(forge) == .badChunk)
        forge = .triangle
        forge.chunks.append(("JSON", []))
        #expect(code(forge) == .badChunk)
        forge = .triangle
        forge.jsonKind = "BIN\0"
        #expect(code(forge) == .badChunk)
        forge = .triangle
        forge.chunks = []
        #expect(code(forge) == .outOfBounds)
    }

    @Test func `a chunk beyond the file or out of step is refused`() {
        var bytes = Forge.triangle.bytes
        bytes.replaceSubrange(12..<16, with: Forge.number(0xFFFF_FFFC))
        #expect(fault { _ = try GLB.check(bytes) }?.code == .truncated)
        bytes.replaceSubrange(12..<16, with: Forge.number(0xFFFF_FFFF))
        #expect(fault { _ = try GLB.check(bytes) }?.code == .badChunk)
        bytes.replaceSubrange(12..<16, with: Forge.number(7))
        #expect(fault { _ = try GLB.check(bytes) }?.code == .badChunk)
    }

    @Test func `chunks of unknown kinds are passed over and told`() throws {
        var forge = Forge.triangle
        forge.chunks.append(("ABCD", [1, 2, 3, 4]))
        let summary = try GLB.check(forge.bytes)
        #expect(summary.remarks == ["chunk 2 is of the unknown kind 0x44434241"])
        forge.chunks += Array(repeating: ("ABCD", []), count: 64)
        #expect(code(forge) == .badChunk)
    }

    @Test func `limits are told with their figures`() {
        var limits = GLBLimits()
        limits.fileBytes = 100
        let bytes = Forge.triangle.bytes
        #expect(
            fault { _ = try GLB.check(bytes, limits: limits) }?.message
                == "the file has \(bytes.count) bytes; at most 100 are read")
        limits = GLBLimits()
        limits.jsonBytes = 100
        #expect(fault { _ = try GLB.check(bytes, limits: limits) }?.code == .tooLarge)
        limits = GLBLimits()
        limits.faces = 0
        #expect(fault { _ = try GLB.check(bytes, limits: limits) }?.code == .tooLarge)
    }

    @Test func `a file that is not there, or no file, is unreadable`() {
        #expect(fault { _ = try GLB.check(fileAt: "/nonexistent/model.glb") }?.code == .unreadable)
        #expect(fault { _ = try GLB.check(fileAt: "/dev/zero") }?.code == .unreadable)
    }

    private func code(_ forge: Forge) -> GLBFault.Code? { fault { _ = try GLB.check(forge.bytes) }?.code }
}
