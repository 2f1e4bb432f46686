import JSON

/// An object whose members are known by name as it is written down.
extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init()
        for (name, value) in elements { self[name] = value }
    }
}

extension JSONValue {
    static func index(_ value: Int) -> JSONValue { .integer(Int64(value)) }

    /// A float in the digits of the double it is exactly, so that bounds read back bit for bit by either.
    static func exact(_ value: Float) -> JSONValue { .decimal(JSONDecimal(Double(value))) }
}
