extension Document.Mode {
    /// Goes over the triangles of `count` indices or vertices in drawing order (glTF 2.0, 3.7.2.1).
    @inline(__always)
    func eachTriangle(count: Int, _ body: (_ a: Int, _ b: Int, _ c: Int) -> Void) {
        switch self {
        case .triangles:
            var first = 0
            while first + 2 < count {
                body(first, first + 1, first + 2)
                first += 3
            }
        case .triangleStrip:
            // Every second triangle is turned, so that all face the same way.
            for first in 0..<max(0, count - 2) { body(first, first + 1 + first % 2, first + 2 - first % 2) }
        case .triangleFan:
            for first in 0..<max(0, count - 2) { body(first + 1, first + 2, 0) }
        default: break
        }
    }
}
