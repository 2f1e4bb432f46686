/// A JSON value, whole. For bodies of ordinary size; a body with an image in it is better read by `JSONSlice`.
///
///     let asset = value["results"]?[0]?["asset"]?.string
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number written without fraction or exponent that fits: exact, never by way of a `Double`.
    case integer(Int64)
    /// Any other number, kept in its own digits.
    case decimal(JSONDecimal)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    package subscript(name: String) -> JSONValue? { object?[name] }

    package subscript(index: Int) -> JSONValue? {
        guard case .array(let items) = self, items.indices.contains(index) else { return nil }
        return items[index]
    }

    package var isNull: Bool { self == .null }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The number if it is written as an integer and fits; `1.0` and `1e3` are not integers.
    package var integer: Int64? {
        if case .integer(let value) = self { value } else { nil }
    }

    /// Any number, rounded to the nearest `Double`.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .decimal(let value): value.double
        default: nil
        }
    }

    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var array: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var object: JSONObject? {
        if case .object(let value) = self { value } else { nil }
    }

    /// What to call this kind of value in an error message.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .decimal: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    /// This value as compact JSON.
    package var bytes: [UInt8] {
        var json = JSONWriter()
        json.value(self)
        return json.bytes
    }
}

/// The members of an object in the order written; no name twice.
package struct JSONObject: Sendable, Hashable {
    package struct Member: Sendable, Hashable {
        package var name: String
        package var value: JSONValue
    }

    package private(set) var members: [Member]

    package init(_ members: [Member] = []) { self.members = members }

    package var names: [String] { members.map(\.name) }
    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }

    package subscript(name: String) -> JSONValue? {
        get { members.first { $0.name == name }?.value }
        set {
            let index = members.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(name: name, value: value))
            case (nil, nil): break
            }
        }
    }

    mutating func append(_ member: Member) { members.append(member) }
}

/// A number as written, such as `0.30` or `1e400`: exact where a `Double` could not be.
package struct JSONDecimal: Sendable, Hashable {
    package let text: String
    init(text: String) { self.text = text }
    package init(_ value: Double) { text = value.isFinite ? value.description : "null" }

    /// The nearest `Double`; infinite when the number is beyond its range.
    package var double: Double { Double(text) ?? .nan }
}

// Not by `nil`: where a `JSONValue?` is meant, it would silently become a JSON null that is there.
extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .decimal(JSONDecimal(value)) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { .init(name: $0.0, value: $0.1) }))
    }
}

extension JSONValue: CustomStringConvertible {
    package var description: String { String(decoding: bytes, as: UTF8.self) }
}
