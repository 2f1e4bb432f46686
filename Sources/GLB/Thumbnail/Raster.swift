/// Which face is seen at each sample, and how near it is. Shading comes after, once for each sample that is seen.
struct Raster {
    let side: Int
    /// One over the distance; zero where there is nothing.
    let depths: Block<Float>
    /// The face's number plus one; zero where there is nothing.
    let faces: Block<UInt32>
    private var budget: Int

    static func workingBytes(side: Int) -> Int { side * side * 8 }

    init(side: Int, budget: Int) {
        self.side = side
        self.budget = budget
        depths = Block(count: side * side, repeating: 0)
        faces = Block(count: side * side, repeating: 0)
    }

    /// Draws all faces, whichever way they look: of a thin or turned shell one sees the inside rather than nothing.
    /// `place` says where a point falls: across and down in samples, and how near.
    @inline(__always)
    mutating func draw(_ draw: Draw, place: (SIMD3<Float>) -> SIMD3<Float>) throws(GLBFault) {
        let cutout = Cutout(draw)
        for face in 0..<draw.faces {
            let (a, b, c) = draw.corners(face)
            let triangle = Triangle(place(draw.point(a)), place(draw.point(b)), place(draw.point(c)), side: side)
            guard triangle.isVisible else { continue }
            budget -= triangle.boxArea
            guard budget >= 0 else {
                throw GLBFault(.tooLarge, "the model's faces overlap so often that drawing it would take too long")
            }
            let id = UInt32(truncatingIfNeeded: draw.firstFace + face + 1)
            if let cutout {
                fill(triangle, id) { x, y, share in
                    cutout.lets(draw, (a, b, c), triangle.inPerspective(share), x: x, y: y)
                }
            } else {
                fill(triangle, id) { _, _, _ in true }
            }
        }
    }

    @inline(__always)
    private func fill(
        _ t: Triangle, _ id: UInt32, passes: (_ x: Int, _ y: Int, _ share: SIMD3<Float>) -> Bool
    ) {
        for y in t.minY...t.maxY {
            let row = y * side
            var share = t.shares(x: t.minX, y: y)
            for x in t.minX...t.maxX {
                if share.x >= 0, share.y >= 0, share.z >= 0 {
                    let depth = share.x * t.a.z + share.y * t.b.z + share.z * t.c.z
                    if depth > depths.base[row + x], passes(x, y, share) {
                        depths.base[row + x] = depth
                        faces.base[row + x] = id
                    }
                }
                share += t.stepX
            }
        }
    }
}

/// A triangle on the screen. The shares of its corners at a point are linear in the point.
struct Triangle {
    let a, b, c: SIMD3<Float>
    private(set) var minX = 0
    private(set) var maxX = -1
    private(set) var minY = 0
    private(set) var maxY = -1
    private var inverseArea: Float = 0
    /// Positive when the corners run clockwise on the screen.
    let area: Float

    @inline(__always)
    init(_ a: SIMD3<Float>, _ b: SIMD3<Float>, _ c: SIMD3<Float>, side: Int) {
        (self.a, self.b, self.c) = (a, b, c)
        area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)
        // Samples stand at the middle of their squares.
        minX = Self.sample(min(a.x, min(b.x, c.x)) + 0.5, side)
        maxX = Self.sample(max(a.x, max(b.x, c.x)) + 0.5, side) - 1
        guard maxX >= minX else { return }
        minY = Self.sample(min(a.y, min(b.y, c.y)) + 0.5, side)
        maxY = Self.sample(max(a.y, max(b.y, c.y)) + 0.5, side) - 1
        inverseArea = 1 / area
    }

    /// The first sample at or after a coordinate that was moved by half a sample. Not a number becomes zero.
    @inline(__always)
    private static func sample(_ moved: Float, _ side: Int) -> Int {
        let limit = Float(side)
        return moved > 0 ? Int((moved < limit ? moved : limit).rounded(.down)) : 0
    }

    @inline(__always)
    var isVisible: Bool { maxX >= minX && maxY >= minY && inverseArea.isFinite }

    @inline(__always)
    var boxArea: Int { (maxX - minX + 1) * (maxY - minY + 1) }

    /// What each corner counts at a sample; all are positive inside.
    @inline(__always)
    func shares(x: Int, y: Int) -> SIMD3<Float> {
        let px = Float(x) + 0.5
        let py = Float(y) + 0.5
        let wa = ((b.x - px) * (c.y - py) - (b.y - py) * (c.x - px)) * inverseArea
        let wb = ((c.x - px) * (a.y - py) - (c.y - py) * (a.x - px)) * inverseArea
        return SIMD3(wa, wb, 1 - wa - wb)
    }

    @inline(__always)
    var stepX: SIMD3<Float> {
        let wa = (b.y - c.y) * inverseArea
        let wb = (c.y - a.y) * inverseArea
        return SIMD3(wa, wb, -wa - wb)
    }

    /// Shares on the face itself, where what is nearer takes more of the screen.
    @inline(__always)
    func inPerspective(_ share: SIMD3<Float>) -> SIMD3<Float> {
        let weighed = share * SIMD3(a.z, b.z, c.z)
        return weighed / weighed.sum()
    }
}

/// Where a material that is not opaque lets what is behind it through. Half transparent is every second sample, in a
/// fixed pattern, which needs no order of drawing.
struct Cutout {
    private let cutoff: Float?

    init?(_ draw: Draw) {
        switch draw.material.alpha {
        case .opaque: return nil
        case .blend: cutoff = nil
        case .mask(let cutoff): self.cutoff = cutoff
        }
    }

    func lets(_ draw: Draw, _ corners: (Int, Int, Int), _ share: SIMD3<Float>, x: Int, y: Int) -> Bool {
        var alpha = draw.material.factor.w
        if let colours = draw.colours {
            let shares = share.x * colours.base[corners.0 * 4 + 3] + share.y * colours.base[corners.1 * 4 + 3]
            alpha *= shares + share.z * colours.base[corners.2 * 4 + 3]
        }
        if let texture = draw.texture, let coordinates = draw.coordinates {
            let uv = coordinates.blend2(corners, share)
            alpha *= texture.alpha(uv)
        }
        if let cutoff { return alpha >= cutoff }
        return alpha > Self.threshold(x, y)
    }

    /// A 4 × 4 ordered pattern: sixteen thresholds, as evenly spread as can be.
    private static func threshold(_ x: Int, _ y: Int) -> Float {
        let pattern: [16 of Float] = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5]
        return (pattern[(y & 3) * 4 + (x & 3)] + 0.5) / 16
    }
}

extension Block<Float> {
    @inline(__always)
    func blend2(_ corners: (Int, Int, Int), _ share: SIMD3<Float>) -> SIMD2<Float> {
        SIMD2(base[corners.0 * 2], base[corners.0 * 2 + 1]) * share.x
            + SIMD2(base[corners.1 * 2], base[corners.1 * 2 + 1]) * share.y
            + SIMD2(base[corners.2 * 2], base[corners.2 * 2 + 1]) * share.z
    }

    @inline(__always)
    func blend3(_ corners: (Int, Int, Int), _ share: SIMD3<Float>) -> SIMD3<Float> {
        vector3(corners.0) * share.x + vector3(corners.1) * share.y + vector3(corners.2) * share.z
    }

    @inline(__always)
    private func vector3(_ vertex: Int) -> SIMD3<Float> {
        SIMD3(base[vertex * 3], base[vertex * 3 + 1], base[vertex * 3 + 2])
    }

    @inline(__always)
    func blend4(_ corners: (Int, Int, Int), _ share: SIMD3<Float>) -> SIMD4<Float> {
        vector4(corners.0) * share.x + vector4(corners.1) * share.y + vector4(corners.2) * share.z
    }

    @inline(__always)
    private func vector4(_ vertex: Int) -> SIMD4<Float> {
        SIMD4(base[vertex * 4], base[vertex * 4 + 1], base[vertex * 4 + 2], base[vertex * 4 + 3])
    }
}
