#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

extension Card {
    /// A picture for when none can be had: a sun over hills, painted by arithmetic, the same bytes every time.
    package static func builtInPicture() throws(PictureFault) -> [UInt8] {
        try PNG.encode(Pixels(width: 640, height: 480) { x, y in landscape(Float(x) / 640, Float(y) / 480) })
    }

    private static func landscape(_ x: Float, _ y: Float) -> SIMD4<UInt8> {
        var colour = mix(SIMD3(0.16, 0.32, 0.55), SIMD3(0.98, 0.78, 0.55), smoothstep(0.0, 0.62, y))
        let distance = hypotf((x - 0.66) * 4 / 3, y - 0.36)
        colour = mix(colour, SIMD3(1.0, 0.93, 0.74), 0.55 * (1 - smoothstep(0.10, 0.42, distance)))
        colour = mix(colour, SIMD3(1.0, 0.97, 0.86), 1 - smoothstep(0.098, 0.103, distance))
        let hills: [(height: Float, swell: Float, waves: Float, start: Float, colour: SIMD3<Float>)] = [
            (0.56, 0.060, 1.6, 0.4, SIMD3(0.62, 0.56, 0.62)),
            (0.66, 0.055, 2.3, 2.1, SIMD3(0.39, 0.47, 0.52)),
            (0.76, 0.050, 1.9, 4.0, SIMD3(0.22, 0.37, 0.37)),
            (0.87, 0.045, 2.8, 0.9, SIMD3(0.10, 0.24, 0.24)),
        ]
        for hill in hills {
            let wave = sinf(x * hill.waves * 2 * .pi + hill.start) + 0.4 * sinf(x * hill.waves * 5.3 + hill.start * 3)
            let ridge = hill.height - hill.swell * wave
            let haze = mix(hill.colour, SIMD3(0.92, 0.80, 0.68), 0.35 * smoothstep(ridge, ridge + 0.16, y))
            colour = mix(colour, haze, smoothstep(ridge - 0.002, ridge + 0.002, y))
        }
        let bytes = (colour * 255).rounded(.toNearestOrAwayFromZero)
        return SIMD4(UInt8(bytes.x), UInt8(bytes.y), UInt8(bytes.z), 255)
    }

    private static func mix(_ a: SIMD3<Float>, _ b: SIMD3<Float>, _ share: Float) -> SIMD3<Float> {
        a + (b - a) * share
    }

    private static func smoothstep(_ low: Float, _ high: Float, _ value: Float) -> Float {
        let t = min(max((value - low) / (high - low), 0), 1)
        return t * t * (3 - 2 * t)
    }
}
