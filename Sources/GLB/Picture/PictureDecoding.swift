import CPNG
import CTurboJPEG
import CWebP

extension Picture {
    /// Decodes a picture by the library that owns its format. `side`, where given, is the longest side that is of
    /// use: JPEG and WebP are then decoded smaller at once, which saves both memory and time.
    package static func decode(
        _ bytes: UnsafeRawBufferPointer, limits: Limits = Limits(), side: Int? = nil
    ) throws(PictureFault) -> Pixels {
        let header = try Header.read(bytes)
        try limits.allow(header)
        return switch header.format {
        case .png: try decodePNG(bytes)
        case .jpeg: try decodeJPEG(bytes, header, side: side)
        case .webp: try decodeWebP(bytes, header, side: side)
        }
    }

    package static func decode(
        _ bytes: [UInt8], limits: Limits = Limits(), side: Int? = nil
    ) throws(PictureFault) -> Pixels {
        try bytes.withUnsafeBytesTyped { (raw) throws(PictureFault) in try decode(raw, limits: limits, side: side) }
    }

    /// libpng's simplified interface: it keeps its longjmp inside, skips every ancillary chunk that could expand,
    /// and converts 16-bit, palette and gamma-tagged pictures to sRGB bytes.
    private static func decodePNG(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) -> Pixels {
        var image = png_image()
        image.version = png_uint_32(PNG_IMAGE_VERSION)
        defer { png_image_free(&image) }
        guard png_image_begin_read_from_memory(&image, bytes.baseAddress, bytes.count) != 0 else {
            throw PictureFault(.damaged, "the PNG cannot be decoded: \(image.text)")
        }
        image.format = pngRGBA
        let (width, height) = (Int(image.width), Int(image.height))
        var decoded: Int32 = 0
        let rgba = [UInt8](unsafeUninitializedCapacity: width * height * 4) { buffer, count in
            decoded = png_image_finish_read(&image, nil, buffer.baseAddress, 0, nil)
            count = width * height * 4
        }
        guard decoded != 0 else { throw PictureFault(.damaged, "the PNG cannot be decoded: \(image.text)") }
        return Pixels(width: width, height: height, rgba: rgba)
    }

    private static func decodeJPEG(
        _ bytes: UnsafeRawBufferPointer, _ header: Header, side: Int?
    ) throws(PictureFault) -> Pixels {
        guard let codec = tjInitDecompress() else { throw PictureFault(.damaged, "libjpeg-turbo did not start") }
        defer { tjDestroy(codec) }
        // An eighth, a quarter or a half are what the inverse transform gives for free.
        let longest = max(header.width, header.height)
        let divisor = [8, 4, 2].first { divisor in side.map { longest / divisor >= $0 } ?? false } ?? 1
        let width = (header.width + divisor - 1) / divisor
        let height = (header.height + divisor - 1) / divisor
        var failed = false
        let rgba = [UInt8](unsafeUninitializedCapacity: width * height * 4) { buffer, count in
            // Without a limit on scans a progressive JPEG of a few kilobytes can keep a core busy for minutes.
            let status = tjDecompress2(
                codec, bytes.bindMemory(to: UInt8.self).baseAddress, UInt(bytes.count), buffer.baseAddress,
                Int32(width), Int32(width * 4), Int32(height), Int32(TJPF_RGBA.rawValue), TJFLAG_LIMITSCANS)
            // A warning means that the picture was decoded, with grey where data was missing.
            failed = status != 0 && tjGetErrorCode(codec) != Int32(TJERR_WARNING.rawValue)
            if failed, let base = buffer.baseAddress { base.initialize(repeating: 0, count: width * height * 4) }
            count = width * height * 4
        }
        guard !failed else {
            throw PictureFault(.damaged, "the JPEG cannot be decoded: \(String(cString: tjGetErrorStr2(codec)))")
        }
        return Pixels(width: width, height: height, rgba: rgba)
    }

    private static func decodeWebP(
        _ bytes: UnsafeRawBufferPointer, _ header: Header, side: Int?
    ) throws(PictureFault) -> Pixels {
        var config = WebPDecoderConfig()
        guard WebPInitDecoderConfig(&config) != 0 else { throw PictureFault(.damaged, "libwebp has another version") }
        var (width, height) = (header.width, header.height)
        if let side, max(width, height) > side {
            let longest = max(width, height)
            width = max(1, width * side / longest)
            height = max(1, height * side / longest)
            config.options.use_scaling = 1
            config.options.scaled_width = Int32(width)
            config.options.scaled_height = Int32(height)
        }
        config.output.colorspace = MODE_RGBA
        config.output.is_external_memory = 1
        var status = VP8_STATUS_OK
        let rgba = [UInt8](unsafeUninitializedCapacity: width * height * 4) { buffer, count in
            config.output.u.RGBA = WebPRGBABuffer(
                rgba: buffer.baseAddress, stride: Int32(width * 4), size: width * height * 4)
            status = WebPDecode(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &config)
            if status != VP8_STATUS_OK { buffer.baseAddress?.initialize(repeating: 0, count: width * height * 4) }
            count = width * height * 4
        }
        guard status == VP8_STATUS_OK else {
            throw PictureFault(.damaged, "the WebP cannot be decoded (libwebp status \(status.rawValue))")
        }
        return Pixels(width: width, height: height, rgba: rgba)
    }
}

/// PNG_FORMAT_RGBA, spelled out because the macro is an expression of macros.
let pngRGBA = png_uint_32(PNG_FORMAT_FLAG_COLOR | PNG_FORMAT_FLAG_ALPHA)
let pngRGB = png_uint_32(PNG_FORMAT_FLAG_COLOR)

extension png_image {
    /// libpng's own words for what went wrong.
    var text: String {
        withUnsafeBytes(of: message) { raw in String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
