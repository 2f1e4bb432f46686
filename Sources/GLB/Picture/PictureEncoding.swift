import CPNG
import CTurboJPEG
import CWebP

package enum PNG {
    /// A PNG of the pixels, with an alpha channel only where `pixels` has transparency.
    package static func encode(_ pixels: Pixels) throws(PictureFault) -> [UInt8] {
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        image.width = png_uint_32(pixels.width)
        image.height = png_uint_32(pixels.height)
        defer { png_image_free(&image) }
        let opaque = !pixels.hasTransparency
        image.format = opaque ? pngRGB : pngRGBA
        let source = opaque ? pixels.rgb : pixels.rgba
        // Deflate never grows data by more than a thousandth; the rest is the filter byte of each row and the chunks.
        let room = source.count + source.count / 1000 + pixels.height * 2 + 65_536
        var size = room
        var written: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            written = png_image_write_to_memory(&image, buffer.baseAddress, &size, 0, source, 0, nil)
            count = written != 0 ? size : 0
        }
        guard written != 0 else { throw PictureFault(.unwritable, "the PNG cannot be written: \(image.text)") }
        return bytes
    }
}

package enum JPEG {
    package static func encode(_ pixels: Pixels, quality: Int = 90) throws(PictureFault) -> [UInt8] {
        guard let codec = tjInitCompress() else { throw PictureFault(.unwritable, "libjpeg-turbo did not start") }
        defer { tjDestroy(codec) }
        var buffer: UnsafeMutablePointer<UInt8>?
        var size: UInt = 0
        let status = tjCompress2(
            codec, pixels.rgba, Int32(pixels.width), 0, Int32(pixels.height), Int32(TJPF_RGBX.rawValue), &buffer, &size,
            Int32(TJSAMP_420.rawValue), Int32(quality), 0)
        defer { tjFree(buffer) }
        guard status == 0, let buffer else {
            throw PictureFault(.unwritable, "the JPEG cannot be written: \(String(cString: tjGetErrorStr2(codec)))")
        }
        return Array(UnsafeBufferPointer(start: buffer, count: Int(size)))
    }
}

package enum WebP {
    package static func encode(_ pixels: Pixels, quality: Float = 80) throws(PictureFault) -> [UInt8] {
        var buffer: UnsafeMutablePointer<UInt8>?
        let size = WebPEncodeRGBA(
            pixels.rgba, Int32(pixels.width), Int32(pixels.height), Int32(pixels.width * 4), quality, &buffer)
        defer { WebPFree(buffer) }
        guard size > 0, let buffer else {
            throw PictureFault(.unwritable, "the WebP cannot be written: \(pixels.width) × \(pixels.height) pixels")
        }
        return Array(UnsafeBufferPointer(start: buffer, count: size))
    }
}

extension Pixels {
    fileprivate var rgb: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            for pixel in 0..<(width * height) {
                for channel in 0..<3 { buffer[pixel * 3 + channel] = rgba[pixel * 4 + channel] }
            }
            count = width * height * 3
        }
    }
}
