import JSON

/// A member of a request's body, made from the command line.
enum Field: Sendable {
    case text(String?)
    case whole(Int64?)
    case flag(Bool)
    /// Words with commas between them.
    case list(String)
    case null
}

extension AdminRequest {
    static func get(_ path: String, columns: [String] = []) -> AdminRequest {
        AdminRequest(method: "GET", path: path, columns: columns)
    }

    /// Leaves out what was not said.
    static func post(_ path: String, _ fields: KeyValuePairs<String, Field>) -> AdminRequest {
        send("POST", path, fields.map { ($0.key, $0.value) })
    }

    static func send(_ method: String, _ path: String, _ fields: [(String, Field)]) -> AdminRequest {
        var json = JSONWriter()
        json.object {
            for (name, field) in fields {
                switch field {
                case .text(nil), .whole(nil): continue
                case .text(let text): $0.member(name, text)
                case .whole(let number): $0.member(name, number)
                case .flag(let flag): $0.member(name, flag)
                case .list(let words):
                    $0.array(name) { for word in words.split(separator: ",") { $0.string(String(word)) } }
                case .null:
                    $0.key(name)
                    $0.null()
                }
            }
        }
        return AdminRequest(method: method, path: path, body: json.bytes)
    }
}

/// Parts of an address, safely quoted.
enum Path {
    /// A query of what was said; empty if nothing was.
    static func query(_ items: KeyValuePairs<String, String?>) -> String {
        let said = items.compactMap { item in item.value.map { "\(item.key)=\(part($0))" } }
        return said.isEmpty ? "" : "?" + said.joined(separator: "&")
    }

    /// Everything but the unreserved characters of RFC 3986 §2.3 in percent form.
    static func part(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        let bytes = text.utf8.flatMap { byte -> [UInt8] in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                [byte]
            default: [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
