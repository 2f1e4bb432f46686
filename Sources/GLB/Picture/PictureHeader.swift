import CWebP

extension Picture {
    /// What the first bytes of a picture say about it. Nothing is decoded, so reading one costs the same for a
    /// thumbnail as for a decompression bomb.
    package struct Header: Sendable, Equatable {
        package let format: Format
        /// As stored; a JPEG whose `orientation` turns it is shown with width and height exchanged.
        package let width: Int
        package let height: Int
        package let hasAlpha: Bool
        package var orientation = Orientation.upright
    }
}

extension Picture.Header {
    /// Reads format and size. Throws `unknown_format` with the name of what was found instead, `truncated` when the
    /// bytes end inside the header, `damaged` when the header contradicts itself, `animated` for an animated WebP.
    package static func read(_ bytes: [UInt8]) throws(PictureFault) -> Self {
        try bytes.withUnsafeBytesTyped { (raw) throws(PictureFault) in try read(raw) }
    }

    package static func read(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) -> Self {
        guard !bytes.isEmpty else { throw PictureFault(.empty, "the picture has no bytes") }
        return switch Picture.Signature(bytes) {
        case .picture(.png): try readPNG(bytes)
        case .picture(.jpeg): try readJPEG(bytes)
        case .picture(.webp): try readWebP(bytes)
        case .other(let name):
            throw PictureFault(.unknownFormat, "the picture must be a PNG, JPEG or WebP; this is \(name)")
        }
    }

    /// PNG specification, 5.2 (signature), 11.2.2 (IHDR) and 11.3.2.1 (tRNS, which stands before the first IDAT).
    private static func readPNG(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) -> Self {
        guard bytes.count >= 33 else {
            throw PictureFault(.truncated, "the PNG ends after \(bytes.count) bytes, inside its header of 33")
        }
        let width = bytes.bigEndian32(at: 16)
        let height = bytes.bigEndian32(at: 20)
        let depth = bytes[24]
        let colour = bytes[25]
        guard bytes.bigEndian32(at: 8) == 13, bytes.ascii(at: 12, count: 4) == "IHDR" else {
            throw PictureFault(.damaged, "the PNG does not begin with an IHDR chunk of 13 bytes")
        }
        guard 1...0x7FFF_FFFF ~= width, 1...0x7FFF_FFFF ~= height else {
            throw PictureFault(.damaged, "the PNG says it is \(width) × \(height) pixels")
        }
        let depths: [UInt8: [UInt8]] = [0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]]
        guard depths[colour]?.contains(depth) == true else {
            throw PictureFault(
                .damaged, "the PNG says colour type \(colour) with \(depth) bits, which PNG does not have")
        }
        return Self(
            format: .png, width: width, height: height,
            hasAlpha: colour == 4 || colour == 6 || hasTransparencyChunk(bytes))
    }

    private static func hasTransparencyChunk(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var at = 33
        while at + 8 <= bytes.count {
            switch bytes.ascii(at: at + 4, count: 4) {
            case "tRNS": return true
            case "IDAT", "IEND": return false
            default: at += 12 + bytes.bigEndian32(at: at)
            }
        }
        return false
    }

    private static func readWebP(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) -> Self {
        var features = WebPBitstreamFeatures()
        let status = WebPGetFeatures(bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count, &features)
        guard status == VP8_STATUS_OK else {
            throw status == VP8_STATUS_NOT_ENOUGH_DATA
                ? PictureFault(.truncated, "the WebP ends after \(bytes.count) bytes, inside its header")
                : PictureFault(.damaged, "the WebP's header cannot be read (libwebp status \(status.rawValue))")
        }
        guard features.has_animation == 0 else {
            throw PictureFault(.animated, "the WebP is animated; a still picture is needed")
        }
        return Self(
            format: .webp, width: Int(features.width), height: Int(features.height), hasAlpha: features.has_alpha != 0)
    }
}
