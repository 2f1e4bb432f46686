import HTTP

/// The four forms of a request target (RFC 9112 §3.2), reduced to the one that handlers see: path and query.
enum TargetForm {
    @inline(__always)
    static func take(_ target: UnsafeBufferPointer<UInt8>, into request: inout HTTPRequest) throws(Refusal) {
        // CONNECT asks for a tunnel, which only a proxy could give.
        if request.method == .connect { throw .unknownMethod }
        if target.contains(UInt8(ascii: "#")) { throw .badTarget }
        if target[0] == UInt8(ascii: "/") { return request.target.replace(with: target) }
        if target.count == 1, target[0] == UInt8(ascii: "*") {
            guard request.method == .options else { throw .badTarget }
            return request.target.replace(with: target)
        }
        try takeAbsolute(target, into: &request)
    }

    /// `http://authority/path?query`. Its authority counts, whatever Host says (RFC 9112 §3.2.2).
    private static func takeAbsolute(
        _ target: UnsafeBufferPointer<UInt8>, into request: inout HTTPRequest
    ) throws(Refusal) {
        let schemes: [StaticString] = ["http://", "https://"]
        let scheme = schemes.first { scheme in
            let word = UnsafeBufferPointer(start: scheme.utf8Start, count: scheme.utf8CodeUnitCount)
            return target.count > word.count
                && equalIgnoringCase(UnsafeBufferPointer(rebasing: target[..<word.count]), word)
        }
        guard let scheme else { throw .badTarget }
        let rest = UnsafeBufferPointer(rebasing: target[scheme.utf8CodeUnitCount...])
        let end = rest.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") } ?? rest.count
        let authority = UnsafeBufferPointer(rebasing: rest[..<end])
        guard !authority.isEmpty, HostSyntax.isValid(authority) else { throw .badTarget }
        request.headers.set("Host", String(decoding: authority, as: UTF8.self))
        let path = UnsafeBufferPointer(rebasing: rest[end...])
        if path.first == UInt8(ascii: "/") { return request.target.replace(with: path) }
        // An empty path is `/`, or `*` for OPTIONS (RFC 9112 §3.2.4).
        let root = request.method == .options && path.isEmpty ? "*" : "/"
        request.target = RequestTarget(root + String(decoding: path, as: UTF8.self))
    }
}
