import Domain
import JSON

/// A request's body in the making: JSON, and a picture's bytes that become a data URI only when written, so that
/// a large picture is never copied as text.
package indirect enum WireValue: Sendable, Hashable {
    case json(JSONValue)
    case picture([UInt8], contentType: String)
    case object([Member])
    case array([WireValue])

    package struct Member: Sendable, Hashable {
        let name: String
        var value: WireValue
    }

    static let nothing = WireValue.object([])

    /// Puts `value` at a dotted path, making the objects on the way.
    mutating func put(_ value: WireValue, at path: String) {
        put(value, at: path.split(separator: ".")[...])
    }

    private mutating func put(_ value: WireValue, at path: ArraySlice<Substring>) {
        guard let first = path.first else {
            self = value
            return
        }
        guard case .object(var members) = self else { return }
        let index = members.firstIndex { $0.name == first }
        var inner = index.map { members[$0].value } ?? .nothing
        inner.put(value, at: path.dropFirst())
        if let index { members[index].value = inner } else { members.append(.init(name: String(first), value: inner)) }
        self = .object(members)
    }

    /// Puts `value` into an object under a name that is not ours, and may have dots in it.
    mutating func put(_ value: WireValue, in object: String, at name: String) {
        put(value, at: [Substring(object), Substring(name)])
    }

    package var bytes: [UInt8] {
        var json = JSONWriter(reserving: size)
        write(to: &json)
        return json.bytes
    }

    /// About how much it will be.
    private var size: Int {
        switch self {
        case .json: 24
        case .picture(let bytes, _): bytes.count / 3 * 4 + 64
        case .object(let members): members.reduce(2) { $0 + $1.name.utf8.count + 4 + $1.value.size }
        case .array(let items): items.reduce(2) { $0 + 1 + $1.size }
        }
    }

    private func write(to json: inout JSONWriter) {
        switch self {
        case .json(let value): json.value(value)
        case .picture(let bytes, let contentType):
            // Neither a content type of ours nor base64 has anything to escape.
            var text = Array("\"data:\(contentType);base64,".utf8)
            text += Base64.encodedBytes(bytes)
            text.append(UInt8(ascii: "\""))
            json.raw(utf8: text)
        case .object(let members):
            json.object { json in
                for member in members {
                    json.key(member.name)
                    member.value.write(to: &json)
                }
            }
        case .array(let items): json.array { json in for item in items { item.write(to: &json) } }
        }
    }
}
