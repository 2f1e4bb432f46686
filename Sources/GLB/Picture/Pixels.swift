/// A decoded picture: rows from the top, four bytes a pixel, red first, sRGB, alpha not multiplied in.
package struct Pixels: Sendable, Equatable {
    package let width: Int
    package let height: Int
    package var rgba: [UInt8]

    package init(width: Int, height: Int, rgba: [UInt8]) {
        precondition(
            width > 0 && height > 0 && rgba.count == width * height * 4, "a picture needs width × height × 4 bytes")
        self.width = width
        self.height = height
        self.rgba = rgba
    }

    /// A picture painted by asking for each pixel's colour, with channels from 0 to 255.
    package init(width: Int, height: Int, paint: (_ x: Int, _ y: Int) -> SIMD4<UInt8>) {
        var rgba = [UInt8](repeating: 0, count: width * height * 4)
        for y in 0..<height {
            for x in 0..<width {
                let colour = paint(x, y)
                let at = (y * width + x) * 4
                for channel in 0..<4 { rgba[at + channel] = colour[channel] }
            }
        }
        self.init(width: width, height: height, rgba: rgba)
    }

    package subscript(x: Int, y: Int) -> SIMD4<UInt8> {
        let at = (y * width + x) * 4
        return SIMD4(rgba[at], rgba[at + 1], rgba[at + 2], rgba[at + 3])
    }

    /// Whether any pixel lets the background through.
    package var hasTransparency: Bool {
        var at = 3
        while at < rgba.count {
            if rgba[at] != 255 { return true }
            at += 4
        }
        return false
    }
}
