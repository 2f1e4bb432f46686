/// A picture made ready for a card: its bytes as they are embedded, and its pixels for the relief.
struct Print {
    let bytes: [UInt8]
    let format: Picture.Format
    let pixels: Pixels

    /// Enough for the relief, and for a texture that had to be turned.
    private static let side = 2048

    init(_ picture: [UInt8]) throws(PictureFault) {
        let header = try Picture.Header.read(picture)
        let decoded = try Picture.decode(picture, side: Self.side)
        guard header.orientation != .upright else {
            bytes = picture
            format = header.format
            pixels = decoded
            return
        }
        // Some viewers obey the Exif orientation of a texture and some do not, so none is left to obey.
        pixels = decoded.turned(header.orientation)
        bytes = try JPEG.encode(pixels)
        format = .jpeg
    }
}

extension Pixels {
    fileprivate func turned(_ orientation: Picture.Orientation) -> Pixels {
        let (w, h) = orientation.exchangesSides ? (height, width) : (width, height)
        return Pixels(width: w, height: h) { x, y in
            let (column, row) = orientation.stored(x, y, width: width, height: height)
            return self[column, row]
        }
    }
}
