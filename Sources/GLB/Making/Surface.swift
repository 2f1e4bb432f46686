/// Triangles in the making.
struct Surface {
    var points: [SIMD3<Float>] = []
    var normals: [SIMD3<Float>] = []
    var coordinates: [SIMD2<Float>] = []
    var indices: [UInt32] = []

    /// A sheet of `columns` × `rows` cells, whose corner (column, row) the closure places. Seen from the side that
    /// the normals point to, columns must run to the right and rows down.
    mutating func addSheet(
        columns: Int, rows: Int,
        corner: (_ column: Int, _ row: Int) -> (point: SIMD3<Float>, normal: SIMD3<Float>, coordinate: SIMD2<Float>)
    ) {
        let first = UInt32(points.count)
        points.reserveCapacity(points.count + (columns + 1) * (rows + 1))
        indices.reserveCapacity(indices.count + columns * rows * 6)
        for row in 0...rows {
            for column in 0...columns {
                let placed = corner(column, row)
                points.append(placed.point)
                normals.append(normalize(placed.normal))
                coordinates.append(placed.coordinate)
            }
        }
        let width = UInt32(columns + 1)
        for row in 0..<UInt32(rows) {
            for column in 0..<UInt32(columns) {
                let corner = first + row * width + column
                indices += [corner, corner + width, corner + 1, corner + 1, corner + width, corner + width + 1]
            }
        }
    }
}
