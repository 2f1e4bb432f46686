/// The smallest box along the axes that holds some points.
package struct BoundingBox: Sendable, Equatable {
    package var minimum: SIMD3<Float>
    package var maximum: SIMD3<Float>

    package var size: SIMD3<Float> { maximum - minimum }

    func union(_ other: BoundingBox) -> BoundingBox {
        BoundingBox(minimum: pointwiseMin(minimum, other.minimum), maximum: pointwiseMax(maximum, other.maximum))
    }

    /// A box that holds this one moved by a matrix: the box of its eight corners.
    func moved(by matrix: Matrix) -> BoundingBox {
        var low = SIMD3<Float>(repeating: .infinity)
        var high = -low
        for corner in 0..<8 {
            let pick = SIMDMask<SIMD3<Int32>>(corner & 1 == 1, corner & 2 == 2, corner & 4 == 4)
            let point = SIMD3<Float>(matrix.point(SIMD3<Double>(minimum.replacing(with: maximum, where: pick))))
            low = pointwiseMin(low, point)
            high = pointwiseMax(high, point)
        }
        return BoundingBox(minimum: low, maximum: high)
    }
}

extension SIMDMask<SIMD3<Int32>> {
    init(_ x: Bool, _ y: Bool, _ z: Bool) {
        self.init(repeating: false)
        (self[0], self[1], self[2]) = (x, y, z)
    }
}
