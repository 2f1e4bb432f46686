extension Picture.Header {
    /// No provider's model looks at more than a few thousand pixels a side, WebP ends at 16 383, and the largest
    /// phone cameras stay below: beyond it somebody tries what a decoder bears.
    package static let longestSide = 16_384

    /// Reads the header, and refuses what no decoder could make a picture of: sides beyond `longestSide`, and a file
    /// that ends before its pixels. Nothing is decoded, and nothing is wanted that decoders do without: the end
    /// marks of PNG and JPEG may be missing, and anything may follow them.
    package static func readWhole(_ bytes: [UInt8]) throws(PictureFault) -> Self {
        try bytes.withUnsafeBytesTyped { (raw) throws(PictureFault) in
            let header = try read(raw)
            guard max(header.width, header.height) <= longestSide else {
                throw PictureFault(
                    .tooLarge,
                    "the \(header.format) is \(header.width) × \(header.height) pixels; at most \(longestSide) a side are taken"
                )
            }
            switch header.format {
            case .png: try findDataOfPNG(raw)
            case .jpeg: try findScanOfJPEG(raw)
            case .webp: try findDataOfWebP(raw)
            }
            return header
        }
    }

    /// PNG specification, 5.3: chunks of length, type, data and checksum. Pixels are what IDAT chunks hold together.
    private static func findDataOfPNG(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) {
        var at = 33
        var isFound = false
        while at + 8 <= bytes.count {
            let length = bytes.bigEndian32(at: at)
            let type = bytes.bigEndian32(at: at + 4)
            if type == Self.idat {
                guard at + 8 + length <= bytes.count else { break }
                isFound = isFound || length > 0
            } else if isFound || type == Self.iend {
                // What comes after the pixels is nobody's loss.
                break
            }
            at += 12 + length
        }
        // A chunk that was cut, or none at all.
        let isCut = at + 8 <= bytes.count && bytes.bigEndian32(at: at + 4) == Self.idat
        guard isFound, !isCut else {
            throw PictureFault(.truncated, "the PNG ends after \(bytes.count) bytes, before all its pixels have come")
        }
    }

    private static let idat = 0x4944_4154
    private static let iend = 0x4945_4E44

    /// A scan is what holds pixels (ITU-T T.81, B.2.3). Bytes that are no marker are passed over, as decoders do.
    private static func findScanOfJPEG(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) {
        var at = 2
        while at + 4 <= bytes.count {
            guard bytes[at] == 0xFF else {
                at += 1
                continue
            }
            switch bytes[at + 1] {
            case 0xFF: at += 1
            case 0x00, 0x01, 0xD0...0xD8: at += 2
            case 0xDA:
                let data = at + 2 + bytes.bigEndian16(at: at + 2)
                if data < bytes.count { return }
                at = bytes.count
            case 0xD9: at = bytes.count
            default: at += 2 + max(2, bytes.bigEndian16(at: at + 2))
            }
        }
        throw PictureFault(.truncated, "the JPEG ends after \(bytes.count) bytes, before its pixels begin")
    }

    /// WebP container specification: after the twelve bytes of RIFF come chunks of type, length and data, padded to
    /// an even length. The pixels are in one of `VP8 ` or `VP8L`. RIFF's own length is often wrong, and not asked.
    private static func findDataOfWebP(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) {
        var at = 12
        while at + 8 <= bytes.count {
            let length = bytes.littleEndian32(at: at + 4)
            if [Self.lossy, Self.lossless].contains(bytes.bigEndian32(at: at)) {
                guard at + 8 + length <= bytes.count else { break }
                return
            }
            at += 8 + length + length % 2
        }
        throw PictureFault(.truncated, "the WebP ends after \(bytes.count) bytes, before all its pixels have come")
    }

    private static let lossy = 0x5650_3820
    private static let lossless = 0x5650_384C
}
