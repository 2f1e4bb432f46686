import CCurl
import Glibc
import HTTP

/// A URL that may be called, as far as its text can tell: the check at creation, and the first one before sending.
///
/// It is taken apart by libcurl's own parser, so that what is judged here is what will be connected to. A name can
/// still lead inside; that is found out at the connection.
package struct CheckedURL: Sendable, Equatable {
    package let text: String
    package let isHTTPS: Bool
    /// In lower case; an IPv6 address stands in its brackets.
    package let host: String
    package let port: UInt16
    /// The address, when the host is one in any spelling; then no name need be looked up.
    package let address: NetworkAddress?

    package var origin: String { "\(isHTTPS ? "https" : "http")://\(host):\(port)" }

    /// Longer than any signed URL in use (browsers and servers stop at 8 000 or so), short enough to keep.
    package static let lengthLimit = 8192

    package init(_ text: String, egress: EgressPolicy) throws(URLFault) {
        try Self.checkCharacters(text)
        guard let parts = CurlURL(text) else { throw .malformed }
        guard let scheme = parts.text(CURLUPART_SCHEME) else { throw .malformed }
        guard scheme == "https" || scheme == "http" else {
            throw .scheme(scheme, allowsPlainHTTP: egress.allowsPlainHTTP)
        }
        // Told together with the address, if that will not do either: one without the other would be mended in vain.
        let isTooPlain = scheme == "http" && !egress.allowsPlainHTTP
        let notThere = isTooPlain ? URLFault.schemeAndAddress : .address
        // libcurl forgives `http:/host` and `http:///host`; nobody who writes those means what it then does.
        guard text.utf8.dropFirst(scheme.utf8.count).starts(with: "://".utf8),
            text.utf8.dropFirst(scheme.utf8.count + 3).first != UInt8(ascii: "/")
        else { throw .malformed }
        guard parts.text(CURLUPART_USER) == nil, parts.text(CURLUPART_PASSWORD) == nil else { throw .credentials }
        guard parts.text(CURLUPART_ZONEID) == nil else { throw notThere }
        guard let host = parts.text(CURLUPART_HOST)?.lowercased(), !host.isEmpty else { throw .malformed }
        guard host.utf8.allSatisfy({ $0 < 0x80 }) else { throw .hostNotASCII }
        guard let port = parts.text(CURLUPART_PORT, CURLU_DEFAULT_PORT).flatMap(UInt16.init) else { throw .malformed }
        guard !RefusedPorts.contains(port) else { throw .port(port) }
        guard !egress.isOwnName(host, port: port) else { throw notThere }

        self.text = text
        self.isHTTPS = scheme == "https"
        self.host = host
        self.port = port
        address = Self.literal(host, port: port)
        if let address {
            guard egress.verdict(for: address) == .allowed else { throw notThere }
        } else if Self.isLocalhost(host) {
            // Resolvers answer these names with loopback, whatever the DNS says (RFC 6761 §6.3).
            let loopbacks = [NetworkAddress(v4: 0x7f00_0001, port: port), NetworkAddress(high: 0, low: 1, port: port)]
            guard loopbacks.contains(where: { egress.verdict(for: $0) == .allowed }) else { throw notThere }
        }
        guard !isTooPlain else { throw .scheme(scheme, allowsPlainHTTP: false) }
    }

    /// Visible ASCII and UTF-8 only. An encoded line end or NUL has no place in a URL either: some servers behind a
    /// receiver decode it into a header.
    private static func checkCharacters(_ text: String) throws(URLFault) {
        guard !text.isEmpty else { throw .malformed }
        guard text.utf8.count <= lengthLimit else { throw .tooLong(text.utf8.count) }
        for byte in text.utf8 {
            if byte <= 0x20 || byte == 0x7f { throw .character }
            if byte == UInt8(ascii: "#") { throw .fragment }
        }
        var rest = text.utf8[...]
        while let mark = rest.firstIndex(of: UInt8(ascii: "%")) {
            rest = rest[mark...].dropFirst()
            let pair = rest.prefix(2).map { $0 | 0x20 }
            if pair == Array("0d".utf8) || pair == Array("0a".utf8) || pair == Array("00".utf8) { throw .character }
        }
    }

    /// Reads what `inet_aton` and `inet_pton` read, which is what a resolver takes for an address: four parts or
    /// fewer, decimal, octal or hexadecimal, with or without a dot at the end.
    static func literal(_ host: String, port: UInt16) -> NetworkAddress? {
        if host.hasPrefix("["), host.hasSuffix("]") {
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1 else { return nil }
            return NetworkAddress(address, port: port)
        }
        var address = in_addr()
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        guard inet_aton(name, &address) != 0 else { return nil }
        return NetworkAddress(v4: UInt32(bigEndian: address.s_addr), port: port)
    }

    private static func isLocalhost(_ host: String) -> Bool {
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        return name == "localhost" || name.hasSuffix(".localhost")
    }
}

/// What is wrong with a URL, in words for the one who sent it. Why an address is refused is not told.
package enum URLFault: Error, Sendable, Hashable {
    case malformed
    case tooLong(Int)
    case character
    case scheme(String, allowsPlainHTTP: Bool)
    case credentials
    case fragment
    case hostNotASCII
    case port(UInt16)
    case address
    /// Plain http where only https is taken, and an address that would be refused with https as well.
    case schemeAndAddress
}

extension URLFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed: "is not a complete URL; it must look like https://host/path"
        case .tooLong(let count): "is \(count) bytes long; at most \(CheckedURL.lengthLimit) are taken"
        case .character: "has a space, control character or encoded line end in it; percent-encode spaces as %20"
        case .scheme(let scheme, let allowsPlainHTTP):
            "has the scheme \(scheme); it must be \(allowsPlainHTTP ? "https or http" : "https")"
        case .credentials: "has a user name or password before the host; leave them out"
        case .fragment: "has a fragment (#), which is never sent; leave it out"
        case .hostNotASCII: "has a host that is not ASCII; write an international name in its xn-- form"
        case .port(let port): "has the port \(port), which is not used for HTTP"
        case .address: "leads to an address that is not allowed; it must be reachable from the public Internet"
        case .schemeAndAddress:
            "has the scheme http and leads to an address that is not allowed; it must be https and reachable from the "
                + "public Internet"
        }
    }
}

/// libcurl's parsed URL, freed with its owner.
private struct CurlURL: ~Copyable {
    private static let asIs = UInt32(CURLU_PATH_AS_IS | CURLU_NON_SUPPORT_SCHEME)
    private let handle: OpaquePointer

    init?(_ text: String) {
        guard let handle = curl_url() else { return nil }
        guard curl_url_set(handle, CURLUPART_URL, text, Self.asIs) == CURLUE_OK else {
            curl_url_cleanup(handle)
            return nil
        }
        self.handle = handle
    }

    deinit { curl_url_cleanup(handle) }

    func text(_ part: CURLUPart, _ flags: Int32 = 0) -> String? {
        var value: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &value, UInt32(flags)) == CURLUE_OK, let value else { return nil }
        defer { curl_free(value) }
        return String(cString: value)
    }
}
