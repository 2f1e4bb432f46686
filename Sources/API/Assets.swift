import Domain
import Files
import Glibc
import HTTP

extension API {
    static let assets: [Endpoint] = [
        Endpoint(.get, "/v1/assets/{name}", .open, pace: .free, .now(API.readAsset), .readAsset),
        Endpoint(.get, "/v1/inputs/{name}", .open, pace: .free, .now(API.readInput), .readInput),
        Endpoint(
            .post, "/v1/callbacks/{provider}/{token}", .open, body: .raw, pace: .free, .later(API.takeCallback),
            .takeCallback),
    ]

    /// A model or a thumbnail, to whoever has the signed address.
    @Sendable func readAsset(_ call: Call) throws(Refusal) -> HTTPResponse { try serve(.assets, call) }

    /// A request's picture, to a provider that takes only addresses.
    @Sendable func readInput(_ call: Call) throws(Refusal) -> HTTPResponse { try serve(.inputs, call) }

    private func serve(_ kind: SignedLinks.Kind, _ call: Call) throws(Refusal) -> HTTPResponse {
        let file = call.parameters[0]
        guard let grant = status.links.proven(kind, file: file, target: call.request.target),
            let name = FileName(grant.sha256)
        else { throw .badSignature }
        guard call.now.secondsSince1970 < grant.expires else {
            throw .gone("This address has expired; results are kept for as long as their task's expires_at says.")
        }
        // The name is 64 hexadecimal digits or it is none, so no path of a client's making can come of it.
        guard let path = around.files.path(of: name), let version = Self.version(of: path, name: name) else {
            throw .gone("This file is no longer kept.")
        }
        let selection = FileSelection(call.request, of: version)
        var response = selection.response(path: path, of: version)
        if selection == .preconditionFailed { throw .otherVersion(response.headers) }
        if selection == .unsatisfiable { throw .noSuchPart(response.headers) }
        response.headers.add("Content-Type", Self.contentType(of: file))
        response.headers.add("X-Content-Type-Options", "nosniff")
        response.headers.add(
            "Cache-Control", "private, max-age=\(max(0, grant.expires - call.now.secondsSince1970)), immutable")
        if kind == .assets { response.headers.add("Content-Disposition", Self.disposition(grant.name, fallback: file)) }
        // Pages of any origin may show a model they have the address of; it is the address that is the secret.
        if call.settings.origins.isEmpty { response.headers.add("Access-Control-Allow-Origin", "*") }
        return response
    }

    private static func version(of path: String, name: FileName) -> FileSelection.Version? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        // The bytes are their name, so the tag is as strong as can be.
        return FileSelection.Version(size: Int64(status.st_size), etag: "\"\(name.sha256)\"")
    }

    private static func contentType(of file: String) -> String {
        switch file.utf8.dropFirst(65).map({ $0 }) {
        case Array("glb".utf8): "model/gltf-binary"
        case Array("png".utf8): "image/png"
        case Array("jpeg".utf8): "image/jpeg"
        case Array("webp".utf8): "image/webp"
        default: "application/octet-stream"
        }
    }

    /// RFC 6266: the name in quotes, and only from characters that need none of its escapes.
    private static func disposition(_ name: String, fallback: String) -> String {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        return "inline; filename=\"\(isPlain && !name.isEmpty ? name : fallback)\""
    }

    /// A provider's own webhook: a hint for whoever follows the job. It is told nothing but whether the token is
    /// one of ours.
    @Sendable func takeCallback(_ call: Call) async throws(Refusal) -> HTTPResponse {
        let provider = ProviderID(call.parameters[0])
        let isOurs = await around.callback(provider, call.parameters[1], call.request.headers, call.request.body)
        guard isOurs else { throw .notFound("attempt") }
        return HTTPResponse(.noContent)
    }
}
