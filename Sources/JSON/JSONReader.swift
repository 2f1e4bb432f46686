/// Reads JSON bytes into values, all at once or a member at a time.
package enum JSONReader {
    /// The whole of `bytes` as one value.
    package static func value(
        of bytes: [UInt8], limits: JSONLimits = .strict
    ) throws(JSONError) -> JSONValue {
        try read(bytes, limits) { scanner throws(JSONError) in
            let value = try self.value(&scanner, depth: 0)
            try scanner.expectEnd()
            return value
        }
    }

    package static func value(of text: String, limits: JSONLimits = .strict) throws(JSONError) -> JSONValue {
        try value(of: Array(text.utf8), limits: limits)
    }

    /// The members of the object that `bytes` is, checked to the last byte but not yet built: a member is read when
    /// asked for, and a string's bytes can be had where they lie.
    package static func members(
        of bytes: [UInt8], limits: JSONLimits = .strict
    ) throws(JSONError) -> [(name: String, value: JSONSlice)] {
        try read(bytes, limits) { scanner throws(JSONError) in
            guard try scanner.peek() == UInt8(ascii: "{") else { throw scanner.fault(.notAnObject) }
            var members: [(name: String, value: JSONSlice)] = []
            var names = SeenNames(limits.duplicateNames)
            try scanner.eachMember(depth: 0) { scanner, name throws(JSONError) in
                let text = try scanner.text(name)
                let earlier = try names.note(text, at: name.range.lowerBound - 1)
                scanner.skipSpace()
                let start = scanner.position
                try scanner.skipValue(depth: 1)
                let slice = JSONSlice(bytes: bytes, range: start..<scanner.position, limits: limits)
                if let earlier { members[earlier].value = slice } else { members.append((text, slice)) }
            }
            try scanner.expectEnd()
            return members
        }
    }

    static func read<R>(
        _ bytes: [UInt8], _ limits: JSONLimits, from start: Int = 0,
        _ body: (inout JSONScanner) throws(JSONError) -> R
    ) throws(JSONError) -> R {
        guard bytes.count <= limits.bytes else {
            throw JSONError(reason: .tooLong(limit: limits.bytes), offset: limits.bytes)
        }
        // `withUnsafeBufferPointer` does not carry a typed error out, so it travels as a value.
        let result: Result<R, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            var scanner = JSONScanner(buffer, from: start, limits: limits)
            do throws(JSONError) { return .success(try body(&scanner)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    static func value(_ scanner: inout JSONScanner, depth: Int) throws(JSONError) -> JSONValue {
        try scanner.countValue()
        switch try scanner.peek() {
        case UInt8(ascii: "{"):
            var object = JSONObject()
            var names = SeenNames(scanner.limits.duplicateNames)
            try scanner.eachMember(depth: depth) { scanner, name throws(JSONError) in
                let text = try scanner.text(name)
                let earlier = try names.note(text, at: name.range.lowerBound - 1)
                let value = try self.value(&scanner, depth: depth + 1)
                if earlier == nil { object.append(.init(name: text, value: value)) } else { object[text] = value }
            }
            return .object(object)
        case UInt8(ascii: "["):
            var items: [JSONValue] = []
            try scanner.eachElement(depth: depth) { scanner throws(JSONError) in
                items.append(try self.value(&scanner, depth: depth + 1))
            }
            return .array(items)
        case UInt8(ascii: "\""):
            let found = try scanner.string()
            return .string(try scanner.text(found))
        case UInt8(ascii: "t"):
            try scanner.literal("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try scanner.literal("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try scanner.literal("null")
            return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let found = try scanner.number()
            let text = String(decoding: UnsafeBufferPointer(rebasing: scanner.input[found.range]), as: UTF8.self)
            // `-0` stays a decimal, for an integer would lose its sign.
            if found.isInteger, text != "-0", let number = Int64(text) { return .integer(number) }
            return .decimal(JSONDecimal(text: text))
        case let byte: throw scanner.fault(.unexpectedByte(byte))
        }
    }
}

/// The names an object has had so far. A handful is compared one by one; a set takes over beyond that, so that an
/// object of many names cannot cost the square of their number.
private struct SeenNames {
    private var few: [String] = []
    private var many: [String: Int] = [:]
    private let rule: JSONLimits.Duplicates

    init(_ rule: JSONLimits.Duplicates) { self.rule = rule }

    /// Notes a name; returns where it stood before if it did and that is allowed.
    mutating func note(_ name: String, at offset: Int) throws(JSONError) -> Int? {
        let earlier = many.isEmpty ? few.firstIndex(of: name) : many[name]
        if let earlier {
            if rule == .refused { throw JSONError(reason: .duplicateName(name), offset: offset) }
            return earlier
        }
        few.append(name)
        if few.count == 16 {
            for (index, name) in few.enumerated() { many[name] = index }
        } else if few.count > 16 {
            many[name] = few.count - 1
        }
        return nil
    }
}
