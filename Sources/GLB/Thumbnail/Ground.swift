#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// A floor without an edge below the model, with the soft shade that the model casts on it: dark and sharp where it
/// stands, wide and faint below what hangs high.
struct Ground {
    private static let cells = 256
    /// What the map spans: the model's largest side, and half as much again on every side.
    private static let span: Float = 2

    private let up: SIMD3<Float>
    private let across: SIMD3<Float>
    private let along: SIMD3<Float>
    /// The floor's height along `up`.
    private let level: Float
    private let shade: [Float]

    static let workingBytes = cells * cells * 8 + cells * cells * 4 * 5

    /// Must see the draws while their points are still in view space.
    init(_ draws: [Draw], up: SIMD3<Float>, level: Float, budget: Int) throws(GLBFault) {
        self.up = up
        self.level = level
        let across = normalize(cross(up, SIMD3(0, 0, 1)))
        let along = cross(across, up)
        (self.across, self.along) = (across, along)
        var raster = Raster(side: Self.cells, budget: budget)
        for draw in draws {
            try raster.draw(draw) { point in
                let cell = Self.cell(point, across, along)
                // The raster keeps what is nearest, which seen from below is the lowest; heights are at most 1.8.
                return SIMD3(cell.x, cell.y, 2 - (dot(point, up) - level))
            }
        }
        shade = Self.shade(raster)
    }

    private static func cell(_ point: SIMD3<Float>, _ across: SIMD3<Float>, _ along: SIMD3<Float>) -> SIMD2<Float> {
        (SIMD2(dot(point, across), dot(point, along)) / span + 0.5) * Float(cells)
    }

    private static func shade(_ raster: Raster) -> [Float] {
        let layers: [(reach: Float, radius: Int, strength: Float)] = [
            (0.02, 2, 0.42), (0.10, 7, 0.34), (0.45, 20, 0.30),
        ]
        var light = [Float](repeating: 1, count: cells * cells)
        for layer in layers {
            var cover = (0..<(cells * cells)).map { cell in
                let depth = raster.depths.base[cell]
                return depth > 0 ? expf(-max(0, 2 - depth) / layer.reach) : 0
            }
            for _ in 0..<3 { cover = blurred(blurred(cover, layer.radius), layer.radius) }
            for cell in light.indices { light[cell] *= 1 - layer.strength * min(1, cover[cell]) }
        }
        return light
    }

    /// The mean over a row's window, with rows and columns exchanged; twice makes a square, thrice that a soft disc.
    private static func blurred(_ source: [Float], _ radius: Int) -> [Float] {
        var target = source
        for row in 0..<cells {
            var sum: Float = 0
            for x in 0..<radius { sum += source[row * cells + x] }
            for x in 0..<cells {
                if x + radius < cells { sum += source[row * cells + x + radius] }
                if x - radius - 1 >= 0 { sum -= source[row * cells + x - radius - 1] }
                target[x * cells + row] = max(0, sum) / Float(2 * radius + 1)
            }
        }
        return target
    }

    /// Where the line of sight through a point of the picture meets the floor.
    func point(_ x: Float, _ y: Float, camera: Camera, side: Float) -> SIMD3<Float>? {
        let eye = SIMD3(camera.centre.x, camera.centre.y, camera.distance)
        let beyond = camera.unproject(SIMD3(x, y, 1 / camera.distance), side: side)
        let sight = beyond - eye
        let fall = dot(sight, up)
        guard fall < -1e-4 else { return nil }
        return eye + sight * ((level - dot(eye, up)) / fall)
    }

    /// How much light is left at a point of the floor, 0 to 1.
    func light(at point: SIMD3<Float>) -> Float {
        let cell = Self.cell(point, across, along) - 0.5
        let limit = Float(Self.cells - 2)
        guard cell.x >= 0, cell.y >= 0, cell.x < limit, cell.y < limit else { return 1 }
        let (x, y) = (Int(cell.x), Int(cell.y))
        let (fx, fy) = (cell.x - Float(x), cell.y - Float(y))
        let at = y * Self.cells + x
        let top = shade[at] * (1 - fx) + shade[at + 1] * fx
        let bottom = shade[at + Self.cells] * (1 - fx) + shade[at + Self.cells + 1] * fx
        return top * (1 - fy) + bottom * fy
    }

    /// The studio's wall and floor in one: bright around the middle, a little darker to the edges.
    static func backdrop(_ x: Float, _ y: Float) -> SIMD3<Float> {
        let distance = min(1, hypotf((x - 0.5) * 1.15, y - 0.44) / 0.78)
        let fall = distance * distance * (3 - 2 * distance)
        return SIMD3(0.905, 0.915, 0.925) - SIMD3(0.255, 0.245, 0.230) * fall
    }
}
