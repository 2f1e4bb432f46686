#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Turns what the raster saw into a picture: looks around each pixel, lights every sample, and takes the mean.
struct Canvas {
    let size: Int
    let samples: Int
    let camera: Camera
    let light: Light
    let shadow: KeyShadow
    let ground: Ground?

    func paint(_ raster: Raster, _ draws: [Draw]) -> Pixels {
        let linear = Self.linearTable()
        var rgba = [UInt8](repeating: 0, count: size * size * 4)
        guard var reader = SurfaceReader(draws, camera, side: raster.side, linear: linear.base) else {
            return Pixels(width: size, height: size, rgba: rgba)
        }
        let sites = sites(raster, &reader)
        let openness = Openness(sites, side: size)
        for y in 0..<size {
            for x in 0..<size {
                var sum = SIMD3<Float>()
                var covered = 0
                let viewer = toViewer(x, y)
                for sampleY in (y * samples)..<((y + 1) * samples) {
                    for sampleX in (x * samples)..<((x + 1) * samples) {
                        let face = raster.faces.base[sampleY * raster.side + sampleX]
                        guard face != 0 else { continue }
                        let surfel = reader.surfel(face: face, x: sampleX, y: sampleY)
                        let depth = raster.depths.base[sampleY * raster.side + sampleX]
                        let screen = SIMD3(Float(sampleX) + 0.5, Float(sampleY) + 0.5, depth)
                        let reached = shadow.light(
                            at: camera.unproject(screen, side: Float(raster.side)), normal: surfel.normal,
                            softness: 0.014, turn: sampleY * 4 + sampleX & 3)
                        sum += Self.developed(
                            light.on(surfel, viewer: viewer, openness: openness[y * size + x], reached: reached))
                        covered += 1
                    }
                }
                let share = Float(covered) / Float(samples * samples)
                let colour = finish(sum, covered, share, x, y, openness)
                for channel in 0..<3 { rgba[(y * size + x) * 4 + channel] = Self.encoded(colour[channel]) }
                rgba[(y * size + x) * 4 + 3] = ground == nil ? UInt8((share * 255).rounded()) : 255
            }
        }
        return Pixels(width: size, height: size, rgba: rgba)
    }

    /// Lays the model's colour over the ground; on a transparent picture it stands alone.
    private func finish(
        _ sum: SIMD3<Float>, _ covered: Int, _ share: Float, _ x: Int, _ y: Int, _ openness: Openness
    ) -> SIMD3<Float> {
        guard let ground else { return covered > 0 ? sum / Float(covered) : SIMD3() }
        var behind = SIMD3<Float>()
        if covered < samples * samples {
            let (px, py) = (Float(x) + 0.5, Float(y) + 0.5)
            behind = Ground.backdrop(px / Float(size), py / Float(size))
            if let point = ground.point(px, py, camera: camera, side: Float(size)) {
                // Shade is a little bluish, as under an open sky.
                let open = covered == 0 ? 0.35 + 0.65 * openness[y * size + x] : 1
                let reached = shadow.light(onFloor: point, up: camera.up, turn: y * 4 + x & 3)
                let dark = 1 - ground.light(at: point) * open * (0.72 + 0.28 * reached)
                behind *= 1 - SIMD3(1.0, 0.97, 0.92) * dark
            }
        }
        return sum / Float(samples * samples) + behind * (1 - share)
    }

    /// Each pixel's nearest surface, the ground included.
    private func sites(_ raster: Raster, _ reader: inout SurfaceReader) -> Block<Openness.Site> {
        let sites = Block<Openness.Site>(count: size * size, repeating: Openness.Site())
        for y in 0..<size {
            for x in 0..<size {
                var nearest: Float = 0
                var place = (x: 0, y: 0)
                for sampleY in (y * samples)..<((y + 1) * samples) {
                    for sampleX in (x * samples)..<((x + 1) * samples) {
                        let depth = raster.depths.base[sampleY * raster.side + sampleX]
                        if depth > nearest { (nearest, place) = (depth, (sampleX, sampleY)) }
                    }
                }
                if nearest > 0 {
                    let face = raster.faces.base[place.y * raster.side + place.x]
                    let screen = SIMD3(Float(place.x) + 0.5, Float(place.y) + 0.5, nearest)
                    sites.base[y * size + x] = Openness.Site(
                        point: camera.unproject(screen, side: Float(raster.side)),
                        normal: reader.surfel(face: face, x: place.x, y: place.y).normal)
                } else if let point = ground?.point(Float(x) + 0.5, Float(y) + 0.5, camera: camera, side: Float(size)) {
                    sites.base[y * size + x] = Openness.Site(point: point, normal: camera.up)
                }
            }
        }
        return sites
    }

    private func toViewer(_ x: Int, _ y: Int) -> SIMD3<Float> {
        let half = Float(size) / 2
        return normalize(
            SIMD3((half - Float(x)) / half * Camera.slope, (Float(y) - half) / half * Camera.slope, 1))
    }

    /// Light as it comes out in the picture: as it is up to three quarters, then ever closer to white.
    private static func developed(_ light: SIMD3<Float>) -> SIMD3<Float> {
        let over = pointwiseMax(light - 0.75, SIMD3())
        return pointwiseMin(light, SIMD3(repeating: 0.75)) + over / (SIMD3(repeating: 1) + over * 4)
    }

    /// sRGB (IEC 61966-2-1), from a byte to linear light.
    private static func linearTable() -> Block<Float> {
        let table = Block<Float>(count: 256)
        for byte in 0..<256 {
            let value = Float(byte) / 255
            table.base[byte] = value <= 0.04045 ? value / 12.92 : powf((value + 0.055) / 1.055, 2.4)
        }
        return table
    }

    private static func encoded(_ light: Float) -> UInt8 {
        let value = light <= 0.0031308 ? 12.92 * light : 1.055 * powf(light, 1 / 2.4) - 0.055
        return value > 0 ? UInt8(min(value, 1) * 255 + 0.5) : 0
    }
}
