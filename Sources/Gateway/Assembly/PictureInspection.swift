import API
import Domain
import GLB

/// What the front is told of a picture's bytes: only the header is read, so a decompression bomb costs nothing.
enum PictureInspection {
    @Sendable static func inspect(_ bytes: [UInt8]) -> Result<PictureFacts, API.PictureFault> {
        do {
            let header = try Picture.Header.read(bytes)
            guard let format = KeptPicture.Format(rawValue: header.format.rawValue) else {
                return .failure(API.PictureFault("the picture must be a PNG, JPEG or WebP"))
            }
            return .success(PictureFacts(format: format, width: header.width, height: header.height))
        } catch {
            return .failure(API.PictureFault(error.message))
        }
    }
}
