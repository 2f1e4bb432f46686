extension Picture {
    /// What the first bytes say a file is. Formats that people send by mistake are named, so that the answer can be.
    enum Signature: Equatable {
        case picture(Format)
        case other(String)

        init(_ bytes: UnsafeRawBufferPointer) {
            func begins(_ prefix: [UInt8], at offset: Int = 0) -> Bool {
                bytes.count >= offset + prefix.count && zip(bytes[offset...], prefix).allSatisfy(==)
            }
            func begins(_ text: String, at offset: Int = 0) -> Bool { begins(Array(text.utf8), at: offset) }

            if begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
                self = .picture(.png)
            } else if begins([0xFF, 0xD8, 0xFF]) {
                self = .picture(.jpeg)
            } else if begins("RIFF"), begins("WEBP", at: 8) {
                self = .picture(.webp)
            } else if begins("GIF8") {
                self = .other("a GIF")
            } else if begins("BM") {
                self = .other("a BMP")
            } else if begins("II*\0") || begins("MM\0*") {
                self = .other("a TIFF")
            } else if begins("ftypavif", at: 4) || begins("ftypavis", at: 4) {
                self = .other("an AVIF")
            } else if begins("ftyphei", at: 4) || begins("ftypmif1", at: 4) {
                self = .other("a HEIC")
            } else if begins([0xFF, 0x0A]) || begins("JXL ", at: 4) {
                self = .other("a JPEG XL")
            } else if begins("%PDF") {
                self = .other("a PDF")
            } else if begins("glTF") {
                self = .other("a GLB model")
            } else if begins("data:") {
                self = .other("a data URI that was not decoded")
            } else if begins("<svg") || begins("<?xml") {
                self = .other("an SVG or XML text")
            } else if begins("<") {
                self = .other("an HTML page")
            } else if begins("{") || begins("[") {
                self = .other("JSON text")
            } else {
                self = .other("something that begins with the bytes \(Self.hexadecimal(bytes.prefix(8)))")
            }
        }

        private static func hexadecimal(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
        }
    }
}
