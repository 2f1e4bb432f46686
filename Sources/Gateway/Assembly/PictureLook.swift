import Domain
import GLB

/// What a picture's own bytes say: nothing is decoded, so a decompression bomb costs nothing.
enum PictureLook {
    case picture(KeptPicture.Format, width: Int, height: Int)
    /// Why it will not do, in words for the customer.
    case not(String)

    init(_ bytes: [UInt8]) {
        do throws(PictureFault) {
            let header = try Picture.Header.readWhole(bytes)
            if let format = KeptPicture.Format(rawValue: header.format.rawValue) {
                self = .picture(format, width: header.width, height: header.height)
            } else {
                self = .not("image must be a PNG, JPEG or WebP.")
            }
        } catch {
            self = .not("image cannot be used: \(error.message).")
        }
    }
}
