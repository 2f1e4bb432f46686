/// Normals for a surface that has none: at each point the mean of the faces around it, the large ones counting more.
/// Vertices that lie at the same place share their normal, or the seams of a texture would show as creases.
struct SmoothNormals {
    let positions: Block<Float>
    let sums: Block<SIMD3<Float>>
    /// For each vertex the first one at the same place.
    let welded: Block<UInt32>

    /// What `init` allocates for so many vertices, its table included.
    static func workingBytes(vertices: Int) -> Int {
        vertices * (3 * 4 + 16 + 4) + tableSize(vertices: vertices) * 4
    }

    private static func tableSize(vertices: Int) -> Int {
        var size = 64
        while size < vertices + vertices / 2 { size *= 2 }
        return size
    }

    init(_ positions: Block<Float>, within box: BoundingBox) {
        let vertices = positions.count / 3
        sums = Block(count: vertices, repeating: SIMD3())
        welded = Self.weld(positions, vertices, Grid(box))
        self.positions = positions
    }

    /// The same place is the same cell of a grid of four million along the model's largest side: fine enough for every
    /// detail, and coarse enough that the sine of a full turn falls together with zero.
    private struct Grid {
        private let low: SIMD3<Float>
        private let scale: Float

        init(_ box: BoundingBox) {
            low = box.minimum
            let largest = box.size.max()
            scale = largest > 0 && largest.isFinite ? Float(1 << 22) / largest : 0
        }

        @inline(__always)
        func cell(_ at: UnsafePointer<Float>) -> SIMD3<Int32> {
            let place = ((SIMD3(at[0], at[1], at[2]) - low) * scale).rounded(.toNearestOrEven)
            // Finite positions can still be too far apart for a float to tell; then all is one cell.
            let isTame = all((place .>= 0) .& (place .<= Float(1 << 23)))
            return isTame ? SIMD3<Int32>(truncatingIfNeeded: SIMD3<Int>(place)) : SIMD3()
        }
    }

    /// Open addressing over the cells. The hash is drawn anew each time, so that no file can be made whose points all
    /// fall on one place of the table; the outcome does not depend on it.
    private static func weld(_ positions: Block<Float>, _ vertices: Int, _ grid: Grid) -> Block<UInt32> {
        let welded = Block<UInt32>(count: vertices)
        let size = tableSize(vertices: vertices)
        let table = Block<UInt32>(count: size, repeating: .max)
        let salt = UInt64.random(in: .min ... .max) | 1
        let (point, slots, result) = (positions.base, table.base, welded.base)
        for vertex in 0..<vertices {
            let cell = grid.cell(point + vertex * 3)
            var hash = (UInt64(UInt32(bitPattern: cell.x)) << 32 | UInt64(UInt32(bitPattern: cell.y))) &* salt
            hash = (hash ^ (hash >> 29) ^ UInt64(UInt32(bitPattern: cell.z))) &* (salt ^ 0x9E37_79B9_7F4A_7C15)
            var slot = Int(truncatingIfNeeded: hash >> 20) & (size - 1)
            while true {
                let found = slots[slot]
                if found == .max {
                    slots[slot] = UInt32(vertex)
                    result[vertex] = UInt32(vertex)
                    break
                }
                if grid.cell(point + Int(found) * 3) == cell {
                    result[vertex] = found
                    break
                }
                slot = (slot + 1) & (size - 1)
            }
        }
        return welded
    }

    @inline(__always)
    private func point(_ vertex: Int) -> SIMD3<Float> {
        let at = positions.base + vertex * 3
        return SIMD3(at[0], at[1], at[2])
    }

    @inline(__always)
    func add(_ a: Int, _ b: Int, _ c: Int) {
        // The cross product is as long as twice the face is large, which is the weight.
        let face = cross(point(b) - point(a), point(c) - point(a))
        guard dot(face, face).isFinite else { return }
        sums.base[Int(welded.base[a])] += face
        sums.base[Int(welded.base[b])] += face
        sums.base[Int(welded.base[c])] += face
    }

    /// The normal at a vertex, of length one; upwards where no face tells a direction.
    func normal(_ vertex: Int) -> SIMD3<Float> {
        let normal = normalizeSmall(sums.base[Int(welded.base[vertex])])
        return normal == SIMD3() ? SIMD3(0, 1, 0) : normal
    }

    /// A model of micrometres has faces whose squares vanish in a float.
    private func normalizeSmall(_ v: SIMD3<Float>) -> SIMD3<Float> {
        let largest = max(abs(v.x), abs(v.y), abs(v.z))
        return largest > 0 && largest.isFinite ? normalize(v / largest) : SIMD3()
    }
}
