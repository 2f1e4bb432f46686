/// Pictures as they come in from clients and out of model files: PNG, JPEG and WebP, and nothing else.
package enum Picture {
    package enum Format: String, Sendable, CaseIterable {
        case png, jpeg, webp

        package var mediaType: String { "image/" + rawValue }
    }

    /// What a decoder may spend on one picture. Compressed pictures can be a thousand times smaller than their
    /// pixels, so the bound is on the pixels that the header claims, and is held before anything is decoded.
    package struct Limits: Sendable {
        /// 8192 × 8192: four times the largest texture that TRELLIS.2 bakes, 256 MiB as RGBA.
        package var pixels: Int = 8192 * 8192

        package init() {}

        package init(pixels: Int) { self.pixels = pixels }

        func allow(_ header: Header) throws(PictureFault) {
            let (count, overflow) = header.width.multipliedReportingOverflow(by: header.height)
            if overflow || count > pixels {
                throw PictureFault(
                    .tooLarge,
                    "the \(header.format) is \(header.width) × \(header.height) pixels; at most \(pixels) in all are decoded"
                )
            }
        }
    }
}
