import HTTP

/// Whom a request is from when it came through proxies (RFC 7239, and X-Forwarded-For before it).
struct ForwardedClient {
    let client: NetworkAddress
    let isSecure: Bool

    /// Walks the chain from the nearest proxy outwards and stops at the first that is not trusted: everything
    /// further out is that stranger's claim.
    init(_ request: HTTPRequest, isTrusted: (NetworkAddress) -> Bool) {
        let forwarded = request.headers.all("Forwarded")
        var chain: [String] = []
        var scheme: String?
        if forwarded.isEmpty {
            chain = request.headers.all("X-Forwarded-For").flatMap { Self.list($0, ",") }
            scheme = request.headers.all("X-Forwarded-Proto").last.flatMap { Self.list($0, ",").last }
        } else {
            for element in forwarded.flatMap({ Self.list($0, ",") }) {
                for pair in Self.list(element, ";") {
                    let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
                    guard parts.count == 2 else { continue }
                    let value = parts[1].filter { $0 != "\"" }
                    switch parts[0].lowercased() {
                    case "for": chain.append(value)
                    case "proto": scheme = value
                    default: break
                    }
                }
            }
        }
        var client = request.peer
        for hop in chain.reversed() {
            // `unknown` and obfuscated names end the chain: the proxy before them is the last that is known.
            guard let address = NetworkAddress(hop) else { break }
            client = address
            guard isTrusted(address) else { break }
        }
        self.client = client
        isSecure = scheme.map { $0.lowercased() == "https" } ?? request.isSecure
    }

    private static func list(_ text: String, _ separator: Character) -> [String] {
        text.split(separator: separator).compactMap { part in
            let start = part.utf8.firstIndex { $0 != 0x20 && $0 != 0x09 }
            let end = part.utf8.lastIndex { $0 != 0x20 && $0 != 0x09 }
            guard let start, let end else { return nil }
            return String(part[start...end])
        }
    }
}
