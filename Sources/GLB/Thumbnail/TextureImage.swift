/// A texture with its smaller copies, each half the size of the one before: where many texels fall on one sample,
/// a smaller copy already holds their mean.
final class TextureImage {
    private struct Level {
        let offset: Int
        let width: Int
        let height: Int
    }

    private let texels: Block<UInt32>
    private let levels: [Level]
    private let wrapS: Texture.Wrap
    private let wrapT: Texture.Wrap

    var size: SIMD2<Float> { SIMD2(Float(levels[0].width), Float(levels[0].height)) }
    var byteCount: Int { texels.count * 4 }

    /// Halves the picture until neither side is above `side`, and from there on down to one texel.
    init(_ pixels: consuming Pixels, side: Int, wrapS: Texture.Wrap, wrapT: Texture.Wrap) {
        (self.wrapS, self.wrapT) = (wrapS, wrapT)
        var (width, height) = (pixels.width, pixels.height)
        var shrunk = pixels.rgba
        while max(width, height) > side {
            (shrunk, width, height) = Self.halved(shrunk, width, height)
        }
        var levels = [Level(offset: 0, width: width, height: height)]
        var total = width * height
        while let last = levels.last, last.width > 1 || last.height > 1 {
            levels.append(Level(offset: total, width: max(1, last.width / 2), height: max(1, last.height / 2)))
            total += max(1, last.width / 2) * max(1, last.height / 2)
        }
        texels = Block(count: total)
        self.levels = levels
        let target = texels.base
        for level in levels {
            if level.offset > 0 { (shrunk, width, height) = Self.halved(shrunk, width, height) }
            shrunk.withUnsafeBytes { raw in
                UnsafeMutableRawPointer(target + level.offset).copyMemory(
                    from: raw.baseAddress!, byteCount: width * height * 4)
            }
        }
    }

    /// The mean of each square of four; an odd last row or column is left out.
    private static func halved(_ source: [UInt8], _ width: Int, _ height: Int) -> ([UInt8], Int, Int) {
        let (w, h) = (max(1, width / 2), max(1, height / 2))
        let halved = [UInt8](unsafeUninitializedCapacity: w * h * 4) { target, count in
            source.withUnsafeBufferPointer { source in
                for y in 0..<h {
                    let above = source.baseAddress! + min(2 * y, height - 1) * width * 4
                    let below = source.baseAddress! + min(2 * y + 1, height - 1) * width * 4
                    for x in 0..<w {
                        let left = min(2 * x, width - 1) * 4
                        let right = min(2 * x + 1, width - 1) * 4
                        for channel in 0..<4 {
                            let sum =
                                Int32(above[left + channel]) + Int32(above[right + channel])
                                + Int32(below[left + channel]) + Int32(below[right + channel])
                            target[(y * w + x) * 4 + channel] = UInt8(truncatingIfNeeded: (sum + 2) >> 2)
                        }
                    }
                }
            }
            count = w * h * 4
        }
        return (halved, w, h)
    }

    /// The linear colour at a place, from the copy in which about one texel falls on a sample.
    @inline(__always)
    func colour(_ uv: SIMD2<Float>, texelsPerSample: Float, linear: UnsafePointer<Float>) -> SIMD3<Float> {
        // Half the exponent of an area is the exponent of its side.
        let wanted = texelsPerSample > 1 && texelsPerSample.isFinite ? Int(texelsPerSample.exponent + 1) / 2 : 0
        let level = levels[min(wanted, levels.count - 1)]
        let x = Self.wrapped(uv.x, wrapS) * Float(level.width) - 0.5
        let y = Self.wrapped(uv.y, wrapT) * Float(level.height) - 0.5
        let (fx, fy) = (x.rounded(.down), y.rounded(.down))
        let (sx, sy) = (x - fx, y - fy)
        let x0 = Self.neighbour(Int(fx), level.width, wrapS)
        let x1 = Self.neighbour(Int(fx) + 1, level.width, wrapS)
        let y0 = level.offset + Self.neighbour(Int(fy), level.height, wrapT) * level.width
        let y1 = level.offset + Self.neighbour(Int(fy) + 1, level.height, wrapT) * level.width
        let top = texel(y0 + x0, linear) * (1 - sx) + texel(y0 + x1, linear) * sx
        let bottom = texel(y1 + x0, linear) * (1 - sx) + texel(y1 + x1, linear) * sx
        return top * (1 - sy) + bottom * sy
    }

    func alpha(_ uv: SIMD2<Float>) -> Float {
        let level = levels[0]
        let x = min(Int(Self.wrapped(uv.x, wrapS) * Float(level.width)), level.width - 1)
        let y = min(Int(Self.wrapped(uv.y, wrapT) * Float(level.height)), level.height - 1)
        return Float(texels.base[y * level.width + x] >> 24) / 255
    }

    @inline(__always)
    private func texel(_ at: Int, _ linear: UnsafePointer<Float>) -> SIMD3<Float> {
        let texel = texels.base[at]
        return SIMD3(linear[Int(texel & 255)], linear[Int(texel >> 8 & 255)], linear[Int(texel >> 16 & 255)])
    }

    /// A coordinate brought into 0…1. What is no number, or too large to have a fraction, becomes 0.
    @inline(__always)
    private static func wrapped(_ value: Float, _ wrap: Texture.Wrap) -> Float {
        guard abs(value) < 1e6 else { return 0 }
        switch wrap {
        case .clamped: return min(max(value, 0), 1)
        case .repeated: return value - value.rounded(.down)
        case .mirrored:
            let half = value / 2
            return 1 - abs((half - half.rounded(.down)) * 2 - 1)
        }
    }

    @inline(__always)
    private static func neighbour(_ at: Int, _ count: Int, _ wrap: Texture.Wrap) -> Int {
        if at >= 0, at < count { return at }
        return wrap == .repeated ? (at < 0 ? count - 1 : 0) : (at < 0 ? 0 : count - 1)
    }
}
