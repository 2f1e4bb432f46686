import Domain
import Files

/// What a provider said it made, kept with the handle until it is fetched: asking again costs a call, and some
/// allow three a minute. A result that came as bytes is kept as a file at once, for it may not be told again.
enum KnownResults {
    private static let (model, file, thumbnail, cost) = (
        "result.model", "result.file", "result.thumbnail", "result.cost"
    )

    /// The handle that knows the results; nil when there is no room for their bytes now.
    static func handle(
        _ handle: UpstreamHandle, knowing results: UpstreamResults, files: any Files
    ) async -> UpstreamHandle? {
        var addresses = handle.addresses
        // Remarks are rare and come from providers that are asked again at no cost.
        guard results.notes.isEmpty else { return handle }
        switch results.model {
        case .url(let url): addresses[model] = url
        case .bytes(let bytes):
            guard let name = try? files.keep(bytes) else { return nil }
            addresses[file] = name.sha256
        case .file: return handle
        }
        addresses[thumbnail] = results.thumbnail
        addresses[cost] = results.costMicrodollars.map(String.init)
        return UpstreamHandle(id: handle.id, addresses: addresses)
    }

    static func results(in handle: UpstreamHandle, files: any Files) -> UpstreamResults? {
        let source: UpstreamResults.Source
        if let url = handle.addresses[model] {
            source = .url(url)
        } else if let name = handle.addresses[file].flatMap({ FileName($0) }), let path = files.path(of: name) {
            source = .file(path)
        } else {
            return nil
        }
        return UpstreamResults(
            model: source, thumbnail: handle.addresses[thumbnail],
            costMicrodollars: handle.addresses[cost].flatMap { Int64($0) })
    }
}
