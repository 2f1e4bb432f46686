/// Reads and writes `name=value&…` as forms do (WHATWG URL, application/x-www-form-urlencoded).
package enum Query {
    package static func items(_ query: String) -> [(name: String, value: String)] {
        query.utf8.split(separator: UInt8(ascii: "&")).map { item in
            let end = item.firstIndex(of: UInt8(ascii: "=")) ?? item.endIndex
            let value = end == item.endIndex ? item[end...] : item[item.index(after: end)...]
            return (decode(item[..<end]), decode(value))
        }
    }

    package static func encode(_ items: [(name: String, value: String)]) -> String {
        items.map { PercentCoding.encode($0.name) + "=" + PercentCoding.encode($0.value) }.joined(separator: "&")
    }

    private static func decode(_ item: Substring.UTF8View) -> String {
        let bytes = PercentCoding.decodedBytes(String(Substring(item)), plusIsSpace: true, strict: false)
        return String(decoding: bytes ?? [], as: UTF8.self)
    }
}
