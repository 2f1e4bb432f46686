extension Picture {
    /// How a stored picture must be turned to stand upright: the Exif orientation, 1 to 8 (Exif 2.3, 4.6.4).
    package struct Orientation: Sendable, Equatable {
        package let exif: Int

        package static let upright = Orientation(exif: 1)

        /// Orientations 5 to 8 lie on their side.
        package var exchangesSides: Bool { exif >= 5 }

        /// Where in a stored picture of `width` × `height` the upright picture's pixel (x, y) lies.
        func stored(_ x: Int, _ y: Int, width: Int, height: Int) -> (x: Int, y: Int) {
            let (right, bottom) = (width - 1, height - 1)
            return switch exif {
            case 2: (right - x, y)
            case 3: (right - x, bottom - y)
            case 4: (x, bottom - y)
            case 5: (y, x)
            case 6: (y, bottom - x)
            case 7: (right - y, bottom - x)
            case 8: (right - y, x)
            default: (x, y)
            }
        }
    }
}

extension Picture.Header {
    /// Walks the marker segments up to the frame header (ITU-T T.81, B.1.1 and B.2.2), noting Exif on the way.
    static func readJPEG(_ bytes: UnsafeRawBufferPointer) throws(PictureFault) -> Self {
        var orientation = Picture.Orientation.upright
        var at = 2
        while at + 4 <= bytes.count {
            guard bytes[at] == 0xFF else {
                throw PictureFault(.damaged, "the JPEG has no marker at byte \(at), where its header must go on")
            }
            let marker = bytes[at + 1]
            if marker == 0xFF {  // fill byte
                at += 1
                continue
            }
            if marker == 0x01 || 0xD0...0xD7 ~= marker {  // markers that stand alone
                at += 2
                continue
            }
            if marker == 0xD9 || marker == 0xDA {
                throw PictureFault(.damaged, "the JPEG's data begins at byte \(at) without a frame header before it")
            }
            let length = bytes.bigEndian16(at: at + 2)
            guard length >= 2 else {
                throw PictureFault(.damaged, "the JPEG's segment at byte \(at) says it is \(length) bytes long")
            }
            if 0xC0...0xCF ~= marker, marker != 0xC4, marker != 0xC8, marker != 0xCC {
                return try readFrame(bytes, at: at + 4, orientation: orientation)
            }
            if marker == 0xE1, at + 2 + length <= bytes.count {
                orientation = exifOrientation(UnsafeRawBufferPointer(rebasing: bytes[(at + 4)..<(at + 2 + length)]))
            }
            at += 2 + length
        }
        throw PictureFault(.truncated, "the JPEG ends after \(bytes.count) bytes, before its frame header")
    }

    private static func readFrame(
        _ bytes: UnsafeRawBufferPointer, at: Int, orientation: Picture.Orientation
    ) throws(PictureFault) -> Self {
        guard at + 6 <= bytes.count else {
            throw PictureFault(.truncated, "the JPEG ends after \(bytes.count) bytes, inside its frame header")
        }
        let height = bytes.bigEndian16(at: at + 1)
        let width = bytes.bigEndian16(at: at + 3)
        guard width > 0, height > 0 else {
            throw PictureFault(.damaged, "the JPEG says it is \(width) × \(height) pixels")
        }
        return Self(format: .jpeg, width: width, height: height, hasAlpha: false, orientation: orientation)
    }

    /// The orientation entry of the first directory of an Exif segment; upright when anything about it is odd.
    private static func exifOrientation(_ segment: UnsafeRawBufferPointer) -> Picture.Orientation {
        guard segment.count >= 14, segment.ascii(at: 0, count: 4) == "Exif" else { return .upright }
        let tiff = UnsafeRawBufferPointer(rebasing: segment[6...])
        let little = tiff[0] == UInt8(ascii: "I")
        func word(_ at: Int) -> Int { little ? tiff.littleEndian16(at: at) : tiff.bigEndian16(at: at) }
        func long(_ at: Int) -> Int { little ? tiff.littleEndian32(at: at) : tiff.bigEndian32(at: at) }
        let directory = long(4)
        guard directory + 2 <= tiff.count else { return .upright }
        for entry in 0..<word(directory) {
            let at = directory + 2 + entry * 12
            guard at + 12 <= tiff.count else { break }
            if word(at) == 0x0112 {
                let value = word(at + 8)
                return 1...8 ~= value ? Picture.Orientation(exif: value) : .upright
            }
        }
        return .upright
    }
}
