import Domain
import Files
import GLB

/// The customer's picture, in a form that a provider takes.
package enum PictureAtHand: Hashable, Sendable {
    case url(String)
    case bytes([UInt8], contentType: String)
}

/// How a picture gets to a provider.
package struct Pictures: Sendable {
    private let files: any Files
    /// A signed, expiring address of ours below `public_url`; nil when there is no `public_url`.
    private let host: @Sendable (KeptPicture, _ until: Instant) -> String?
    /// Whether there is a `public_url` to serve pictures below.
    package let canHost: Bool

    package init(
        files: any Files, canHost: Bool,
        host: @escaping @Sendable (KeptPicture, _ until: Instant) -> String?
    ) {
        self.files = files
        self.canHost = canHost
        self.host = host
    }

    /// What sort of picture it is by its bytes; nil if it is none.
    func format(of bytes: [UInt8]) -> KeptPicture.Format? {
        (try? Picture.Header.read(bytes)).flatMap { KeptPicture.Format(rawValue: $0.format.rawValue) }
    }

    package enum Finding: Sendable {
        case have(PictureAtHand)
        case later(String)
        case never(Failure)
    }

    /// How a picture from `source` would reach a provider: nil if it cannot.
    package func way(from source: PictureSource, takesBytes: Bool, inline: Bool) -> Way? {
        switch source {
        case .url where inline && takesBytes: .fetched
        case .url: .address
        case .kept where takesBytes: .bytes
        case .kept: canHost ? .hosted : nil
        }
    }

    package enum Way: Hashable, Sendable { case address, hosted, bytes, fetched }

    func picture(_ source: PictureSource, by way: Way, until: Instant, shop: Workshop) async -> Finding {
        switch (source, way) {
        case (.url(let url), .fetched): return await fetch(url, shop: shop)
        case (.url(let url), _): return .have(.url(url))
        case (.kept(let picture), .hosted):
            guard let url = host(picture, until) else {
                return .never(
                    Failure(code: "public_url_needed", message: "The gateway has no public_url to serve it from."))
            }
            return .have(.url(url))
        case (.kept(let picture), _):
            guard let name = FileName(picture.sha256), let path = files.path(of: name) else {
                return .never(Failure(code: "image_gone", message: "The picture is not kept any more."))
            }
            // It is there: what keeps us from it, such as too many open files, passes.
            guard let bytes = readFile(path) else { return .later("the picture could not be read") }
            return .have(.bytes(bytes, contentType: picture.format.contentType))
        }
    }

    private func fetch(_ url: String, shop: Workshop) async -> Finding {
        let inputs = shop.settings.inputs
        do throws(FilesError) {
            let draft = try files.draft()
            switch await shop.wire.download(
                url, to: draft.descriptor, limit: inputs.pictureBytes, timeout: inputs.fetchTimeout)
            {
            case .later(let why), .ours(let why): return .later(why)
            case .never(let why):
                return .never(Failure(code: "image_unreachable", message: "image_url could not be fetched: \(why)"))
            case .done: break
            }
            guard let bytes = readFile(draft.path), let format = format(of: bytes) else {
                return .never(
                    Failure(code: "image_invalid", message: "image_url gives no PNG, JPEG or WebP picture."))
            }
            return .have(.bytes(bytes, contentType: format.contentType))
        } catch {
            return .later("\(error)")
        }
    }
}
