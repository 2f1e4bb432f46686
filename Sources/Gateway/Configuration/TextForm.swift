import HTTP
import HTTPServer

/// The shapes that text may be asked to have.
enum TextForm: Sendable {
    case any
    case address
    case httpURL
    /// Scheme, host and port: what paths are appended to.
    case baseURL
    case addressRange
    case origin
    case path

    var allowed: String {
        switch self {
        case .any: "text"
        case .address: "an address such as \"127.0.0.1:8080\" or \"unix:/run/trellis.sock\""
        case .httpURL: "a URL that begins with http:// or https://, without a query"
        case .baseURL: "scheme and host, such as \"https://api.example.com\""
        case .addressRange: "an address or range such as \"10.0.0.0/8\""
        case .origin: "an origin such as \"https://app.example.com\", or \"*\""
        case .path: "the path of a file or directory"
        }
    }

    /// Why `text` will not do, as a whole sentence after the setting's name; nil when it will.
    func objection(to text: String) -> String? {
        let fits: Bool
        switch self {
        case .any: fits = true
        case .address: fits = ListenAddress(text) != nil
        case .httpURL:
            // Paths are appended to it.
            fits =
                Self.host(of: text) != nil && !text.utf8.contains { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }
        case .baseURL:
            // A path at the end would be doubled by the provider's own.
            fits = Self.host(of: text) != nil && text.utf8.count(where: { $0 == UInt8(ascii: "/") }) == 2
            if !fits, let host = Self.host(of: text) {
                let scheme = text.hasPrefix("https") ? "https" : "http"
                return "must be \(allowed), without a path; \"\(scheme)://\(host)\" would do; got \"\(text)\""
            }
        case .addressRange: fits = AddressRange(text) != nil
        case .origin:
            fits = text == "*" || Self.host(of: text) != nil && text.utf8.count { $0 == UInt8(ascii: "/") } == 2
        case .path: fits = !text.isEmpty && !text.utf8.contains(0)
        }
        return fits ? nil : "must be \(allowed); got \"\(text)\""
    }

    /// Host and port of an http URL without user and password; nil when it is none.
    static func host(of url: String) -> Substring? {
        guard let scheme = ["http://", "https://"].first(where: { url.lowercased().hasPrefix($0) }) else { return nil }
        let rest = url.dropFirst(scheme.count)
        let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let isPlain = host.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") }
        return !host.isEmpty && isPlain && host.first != ":" ? host : nil
    }
}
