/// A picture as a surface: bright parts stand out, dark ones lie back, transparent ones lie flat.
struct Relief {
    /// Width and height; the longer one is 1.
    let size: SIMD2<Float>
    let surface: Surface

    /// Cells along the longer side: 32 000 faces at most, and every vertex still has an index of two bytes.
    private static let cells = 127

    init(_ pixels: Pixels, depth: Float) {
        let longest = Float(max(pixels.width, pixels.height))
        let size = SIMD2(Float(pixels.width), Float(pixels.height)) / longest
        let columns = max(2, Int((size.x * Float(Self.cells)).rounded()))
        let rows = max(2, Int((size.y * Float(Self.cells)).rounded()))
        let heights = Heights(pixels, columns: columns + 1, rows: rows + 1, depth: depth)
        let cell = SIMD2(size.x / Float(columns), size.y / Float(rows))
        var surface = Surface()
        surface.addSheet(columns: columns, rows: rows) { column, row in
            let u = Float(column) / Float(columns)
            let v = Float(row) / Float(rows)
            let slope = SIMD2(
                (heights[column + 1, row] - heights[column - 1, row]) / (2 * cell.x),
                (heights[column, row - 1] - heights[column, row + 1]) / (2 * cell.y))
            return (
                SIMD3((u - 0.5) * size.x, (0.5 - v) * size.y, heights[column, row]),
                SIMD3(-slope.x, -slope.y, 1), SIMD2(u, v)
            )
        }
        self.size = size
        self.surface = surface
    }
}

/// Heights over a grid of corners, from the light of the pixels around each.
private struct Heights {
    private let columns: Int
    private let rows: Int
    private var values: [Float]

    init(_ pixels: Pixels, columns: Int, rows: Int, depth: Float) {
        self.columns = columns
        self.rows = rows
        values = []
        values.reserveCapacity(columns * rows)
        for row in 0..<rows {
            for column in 0..<columns {
                let light = Self.light(pixels, column, row, columns, rows)
                // The relief sinks to the frame's level towards the edge, so that nothing sticks out over it.
                let edge = min(min(column, columns - 1 - column), min(row, rows - 1 - row))
                values.append(light * depth * min(1, Float(edge) / 5))
            }
        }
        // Twice, so that fine print does not turn into needles.
        for _ in 0..<2 { smooth() }
    }

    subscript(column: Int, row: Int) -> Float {
        values[min(max(row, 0), rows - 1) * columns + min(max(column, 0), columns - 1)]
    }

    /// The mean luma (Rec. 709) of the pixels that are nearest to a corner, weighed by how opaque they are.
    private static func light(_ pixels: Pixels, _ column: Int, _ row: Int, _ columns: Int, _ rows: Int) -> Float {
        func span(_ position: Int, _ count: Int, _ size: Int) -> Range<Int> {
            let low = max(0, (2 * position - 1) * size / (2 * (count - 1)))
            let high = min(size, (2 * position + 1) * size / (2 * (count - 1)))
            let start = min(low, size - 1)
            return start..<max(start + 1, high)
        }
        var sum = 0
        let (across, down) = (span(column, columns, pixels.width), span(row, rows, pixels.height))
        for y in down {
            for x in across {
                let colour = pixels[x, y]
                let luma = 54 * Int(colour.x) + 183 * Int(colour.y) + 19 * Int(colour.z)
                // What is opaque at all stands out by a third, so that a cut-out figure rises as a whole.
                sum += (luma * 2 / 3 + 256 * 255 / 3) * Int(colour.w)
            }
        }
        return Float(sum) / Float(across.count * down.count) / Float(256 * 255 * 255)
    }

    private mutating func smooth() {
        var smoothed = values
        for row in 0..<rows {
            for column in 0..<columns {
                let sides =
                    self[column - 1, row] + self[column + 1, row] + self[column, row - 1] + self[column, row + 1]
                smoothed[row * columns + column] = self[column, row] / 2 + sides / 8
            }
        }
        values = smoothed
    }
}
