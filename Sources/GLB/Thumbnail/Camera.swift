#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Looks at the model from the front, a little from the right and from above, near enough that the model just fills
/// the frame. View space is centred on the model, one unit its largest side; x runs right, y up, z to the viewer.
struct Camera {
    /// Half the field of view: about 28°, as a portrait lens sees.
    static let slope: Float = 0.25
    /// How much of the frame the model fills.
    private static let fill: Float = 0.86
    private static let azimuth = 32.0 * Double.pi / 180
    private static let elevation = 20.0 * Double.pi / 180

    /// From the world into view space.
    let view: Matrix
    /// The world's up direction in view space, which ground and light go by.
    let up: SIMD3<Float>

    private(set) var centre = SIMD2<Float>()
    private(set) var distance: Float = 0

    init(_ box: BoundingBox) {
        let (sa, ca) = (sin(Self.azimuth), cos(Self.azimuth))
        let (se, ce) = (sin(Self.elevation), cos(Self.elevation))
        let right = SIMD3(ca, 0, -sa)
        let back = SIMD3(sa * ce, se, ca * ce)
        let above = SIMD3(-sa * se, ce, -ca * se)
        let low = SIMD3<Double>(box.minimum)
        let high = SIMD3<Double>(box.maximum)
        let middle = (low + high) / 2
        let scale = 1 / (high - low).max()
        view = Matrix(
            columns: (
                SIMD4(right.x, above.x, back.x, 0) * scale, SIMD4(right.y, above.y, back.y, 0) * scale,
                SIMD4(right.z, above.z, back.z, 0) * scale,
                SIMD4(-dot(right, middle) * scale, -dot(above, middle) * scale, -dot(back, middle) * scale, 1)
            ))
        up = SIMD3<Float>(SIMD3(right.y, above.y, back.y))
    }

    /// Draws the camera in until the points behind `reach` just fit. A point (x, y, z) is inside the frame when
    /// |x - cx| ≤ t (d - z), and the same in y; so the largest of x + tz, -x + tz and so on settle c and d exactly.
    mutating func frame(_ reach: Reach) {
        let slope = Self.slope * Self.fill
        let across = (reach.right + reach.left) / (2 * slope)
        let along = (reach.above + reach.below) / (2 * slope)
        centre = SIMD2(reach.right - reach.left, reach.above - reach.below) / 2
        // Never so near that a point of the model is beside the lens.
        distance = max(across, along, reach.nearest + 0.05)
    }

    /// The furthest that points reach in each direction of the frame.
    struct Reach {
        var right = -Float.infinity
        var left = -Float.infinity
        var above = -Float.infinity
        var below = -Float.infinity
        var nearest = -Float.infinity
        /// The lowest point by the world's up.
        var floor = Float.infinity

        @inline(__always)
        mutating func include(_ p: SIMD3<Float>, up: SIMD3<Float>) {
            let depth = p.z * Camera.slope * Camera.fill
            right = max(right, p.x + depth)
            left = max(left, depth - p.x)
            above = max(above, p.y + depth)
            below = max(below, depth - p.y)
            nearest = max(nearest, p.z)
            floor = min(floor, dot(p, up))
        }
    }

    /// A view-space point on a screen of `side` samples: across, down, and one over the distance.
    @inline(__always)
    func project(_ p: SIMD3<Float>, side: Float) -> SIMD3<Float> {
        let inverse = 1 / (distance - p.z)
        let half = side / 2
        return SIMD3(
            half + half * (p.x - centre.x) * inverse / Self.slope,
            half - half * (p.y - centre.y) * inverse / Self.slope,
            inverse)
    }

    /// The way back.
    @inline(__always)
    func unproject(_ s: SIMD3<Float>, side: Float) -> SIMD3<Float> {
        let depth = 1 / s.z
        return SIMD3(
            centre.x + (s.x * 2 / side - 1) * Self.slope * depth, centre.y - (s.y * 2 / side - 1) * Self.slope * depth,
            distance - depth)
    }
}
