/// What is seen at a sample, before light falls on it.
struct Surfel {
    var colour = SIMD3<Float>()
    /// In view space, of length one, on the side that is seen.
    var normal = SIMD3<Float>()
    var isUnlit = false
}

/// Looks up the surface behind samples. Neighbours mostly show the same face, so that one is kept at hand.
struct SurfaceReader {
    private let draws: [Draw]
    private let camera: Camera
    private let side: Int
    private let linear: UnsafePointer<Float>

    private var draw: Draw
    private var face: UInt32 = 0
    private var corners = (0, 0, 0)
    private var triangle = Triangle(SIMD3(), SIMD3(), SIMD3(), side: 1)
    private var isBack = false
    private var flatNormal = SIMD3<Float>()
    private var texelsPerSample: Float = 0

    /// What stands for a material where there is none: clay, which shows form better than glTF's plain white.
    private static let clay = SIMD3<Float>(0.60, 0.57, 0.53)

    init?(_ draws: [Draw], _ camera: Camera, side: Int, linear: UnsafePointer<Float>) {
        guard let first = draws.first else { return nil }
        self.draws = draws
        self.camera = camera
        self.side = side
        self.linear = linear
        draw = first
    }

    mutating func surfel(face: UInt32, x: Int, y: Int) -> Surfel {
        if face != self.face { turn(to: face) }
        let share = triangle.inPerspective(triangle.shares(x: x, y: y))
        var surfel = Surfel(
            colour: draw.hasMaterial || draw.colours != nil
                ? SIMD3(draw.material.factor.x, draw.material.factor.y, draw.material.factor.z) : Self.clay,
            normal: normal(share), isUnlit: draw.material.isUnlit)
        if let colours = draw.colours {
            let colour = colours.blend4(corners, share)
            surfel.colour *= SIMD3(colour.x, colour.y, colour.z)
        }
        if let texture = draw.texture, let coordinates = draw.coordinates {
            let uv = coordinates.blend2(corners, share)
            surfel.colour *= texture.colour(uv, texelsPerSample: texelsPerSample, linear: linear)
        }
        return surfel
    }

    private mutating func turn(to face: UInt32) {
        self.face = face
        let number = Int(face) - 1
        if number < draw.firstFace || number >= draw.firstFace + draw.faces { draw = drawOf(number) }
        corners = draw.corners(number - draw.firstFace)
        triangle = Triangle(draw.point(corners.0), draw.point(corners.1), draw.point(corners.2), side: side)
        // On the screen y runs down, so that what is counter-clockwise in the world is clockwise here.
        isBack = (triangle.area > 0) != draw.isMirrored
        if draw.normals == nil { flatNormal = faceNormal() }
        if let texture = draw.texture, let coordinates = draw.coordinates {
            let a = coordinates.blend2(corners, SIMD3(1, 0, 0))
            let ab = coordinates.blend2(corners, SIMD3(0, 1, 0)) - a
            let ac = coordinates.blend2(corners, SIMD3(0, 0, 1)) - a
            let texels = abs(ab.x * ac.y - ab.y * ac.x) * texture.size.x * texture.size.y
            texelsPerSample = texels / abs(triangle.area)
        }
    }

    /// The draw that a face belongs to, by halving: first faces rise from one draw to the next.
    private func drawOf(_ face: Int) -> Draw {
        var (low, high) = (0, draws.count - 1)
        while low < high {
            let middle = (low + high + 1) / 2
            if draws[middle].firstFace <= face { low = middle } else { high = middle - 1 }
        }
        return draws[low]
    }

    private func normal(_ share: SIMD3<Float>) -> SIMD3<Float> {
        guard let normals = draw.normals else { return flatNormal }
        let stored = normals.blend3(corners, share)
        let matrix = draw.normalMatrix
        let normal = normalize(matrix.0 * stored.x + matrix.1 * stored.y + matrix.2 * stored.z)
        return isBack ? -normal : normal
    }

    private func faceNormal() -> SIMD3<Float> {
        let (a, b, c) = (view(triangle.a), view(triangle.b), view(triangle.c))
        let normal = cross(b - a, c - a)
        let longest = max(abs(normal.x), abs(normal.y), abs(normal.z))
        guard longest > 0 else { return SIMD3(0, 0, 1) }
        let unit = normalize(normal / longest)
        let toViewer = SIMD3(camera.centre.x, camera.centre.y, camera.distance) - a
        return dot(unit, toViewer) < 0 ? -unit : unit
    }

    private func view(_ screen: SIMD3<Float>) -> SIMD3<Float> { camera.unproject(screen, side: Float(side)) }
}
