/// A 4 × 4 matrix by columns, as glTF writes it. Doubles, so that a model far from its origin does not tremble.
struct Matrix: Equatable {
    var columns: (SIMD4<Double>, SIMD4<Double>, SIMD4<Double>, SIMD4<Double>)

    static func == (a: Matrix, b: Matrix) -> Bool { a.columns == b.columns }

    static let identity = Matrix(
        columns: (SIMD4(1, 0, 0, 0), SIMD4(0, 1, 0, 0), SIMD4(0, 0, 1, 0), SIMD4(0, 0, 0, 1)))

    init(columns: (SIMD4<Double>, SIMD4<Double>, SIMD4<Double>, SIMD4<Double>)) { self.columns = columns }

    init(_ numbers: [Double]) {
        func column(_ at: Int) -> SIMD4<Double> {
            SIMD4(numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3])
        }
        self.init(columns: (column(0), column(4), column(8), column(12)))
    }

    /// Scale, then rotate by the quaternion (x, y, z, w), then move.
    init(translation t: [Double], rotation q: [Double], scale s: [Double]) {
        let (x, y, z, w) = (q[0], q[1], q[2], q[3])
        columns = (
            SIMD4(1 - 2 * (y * y + z * z), 2 * (x * y + z * w), 2 * (x * z - y * w), 0) * s[0],
            SIMD4(2 * (x * y - z * w), 1 - 2 * (x * x + z * z), 2 * (y * z + x * w), 0) * s[1],
            SIMD4(2 * (x * z + y * w), 2 * (y * z - x * w), 1 - 2 * (x * x + y * y), 0) * s[2],
            SIMD4(t[0], t[1], t[2], 1)
        )
    }

    static func * (a: Matrix, v: SIMD4<Double>) -> SIMD4<Double> {
        a.columns.0 * v.x + a.columns.1 * v.y + a.columns.2 * v.z + a.columns.3 * v.w
    }

    static func * (a: Matrix, b: Matrix) -> Matrix {
        Matrix(columns: (a * b.columns.0, a * b.columns.1, a * b.columns.2, a * b.columns.3))
    }

    func point(_ p: SIMD3<Double>) -> SIMD3<Double> {
        let moved = self * SIMD4(p, 1)
        return SIMD3(moved.x, moved.y, moved.z)
    }

    /// The matrix that normals go by: the cofactors of the upper 3 × 3, which unlike the inverse exist always.
    var normals: (SIMD3<Float>, SIMD3<Float>, SIMD3<Float>) {
        let a = SIMD3(columns.0.x, columns.0.y, columns.0.z)
        let b = SIMD3(columns.1.x, columns.1.y, columns.1.z)
        let c = SIMD3(columns.2.x, columns.2.y, columns.2.z)
        let sign: Double = dot(cross(a, b), c) < 0 ? -1 : 1
        return (SIMD3<Float>(cross(b, c) * sign), SIMD3<Float>(cross(c, a) * sign), SIMD3<Float>(cross(a, b) * sign))
    }

    var isMirrored: Bool {
        let a = SIMD3(columns.0.x, columns.0.y, columns.0.z)
        let b = SIMD3(columns.1.x, columns.1.y, columns.1.z)
        return dot(cross(a, b), SIMD3(columns.2.x, columns.2.y, columns.2.z)) < 0
    }

    var isFinite: Bool {
        let sum = columns.0 + columns.1 + columns.2 + columns.3
        return (sum.x + sum.y + sum.z + sum.w).isFinite
    }
}

@inline(__always)
func cross<T: BinaryFloatingPoint>(_ a: SIMD3<T>, _ b: SIMD3<T>) -> SIMD3<T> {
    SIMD3(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x)
}

@inline(__always)
func dot<T: BinaryFloatingPoint>(_ a: SIMD3<T>, _ b: SIMD3<T>) -> T { a.x * b.x + a.y * b.y + a.z * b.z }

/// The vector at length one; nothing of a vector too short to have a direction.
@inline(__always)
func normalize(_ v: SIMD3<Float>) -> SIMD3<Float> {
    let square = dot(v, v)
    return square > 1e-30 && square.isFinite ? v / square.squareRoot() : SIMD3()
}
