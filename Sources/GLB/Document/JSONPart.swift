import JSON

/// One object of the glTF JSON with the way to it, so that every fault can name the place: `accessors[3].count`.
struct JSONPart {
    let object: JSONObject
    let path: String

    private func fault(_ name: String, _ what: String) -> GLBFault {
        GLBFault(.badDocument, "\(place(name)) \(what)")
    }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    func has(_ name: String) -> Bool { object[name] != nil }

    /// glTF integers may be written as any JSON number whose value is one; 2^53 is the largest that all can write.
    func integer(_ name: String, in range: ClosedRange<Int> = 0...(1 << 53)) throws(GLBFault) -> Int? {
        guard let value = object[name] else { return nil }
        let number: Int? = value.integer.map(Int.init) ?? value.double.flatMap { Int(exactly: $0) }
        guard let number else { throw fault(name, "must be an integer, and is \(value.kind)") }
        guard range.contains(number) else {
            throw fault(name, "must be from \(range.lowerBound) to \(range.upperBound), and is \(number)")
        }
        return number
    }

    func requiredInteger(_ name: String, in range: ClosedRange<Int> = 0...(1 << 53)) throws(GLBFault) -> Int {
        guard let value = try integer(name, in: range) else { throw fault(name, "is missing") }
        return value
    }

    /// A reference into one of the document's top-level arrays.
    func reference(_ name: String, into array: String, count: Int) throws(GLBFault) -> Int? {
        guard let index = try integer(name) else { return nil }
        guard index < count else {
            throw GLBFault(.outOfBounds, "\(place(name)) is \(index), and there are \(count) \(array)")
        }
        return index
    }

    func references(_ name: String, into array: String, count: Int) throws(GLBFault) -> [Int] {
        guard let value = object[name] else { return [] }
        guard let items = value.array else { throw fault(name, "must be an array, and is \(value.kind)") }
        var indices: [Int] = []
        indices.reserveCapacity(items.count)
        for item in items {
            guard let index = item.integer, index >= 0 else { throw fault(name, "must hold indices only") }
            guard index < count else {
                throw GLBFault(.outOfBounds, "\(place(name)) has \(index), and there are \(count) \(array)")
            }
            indices.append(Int(index))
        }
        return indices
    }

    func string(_ name: String) throws(GLBFault) -> String? {
        guard let value = object[name] else { return nil }
        guard let text = value.string else { throw fault(name, "must be a string, and is \(value.kind)") }
        return text
    }

    func strings(_ name: String) throws(GLBFault) -> [String] {
        guard let value = object[name] else { return [] }
        guard let items = value.array else { throw fault(name, "must be an array, and is \(value.kind)") }
        let texts = items.compactMap(\.string)
        guard texts.count == items.count else { throw fault(name, "must hold strings only") }
        return texts
    }

    func bool(_ name: String) throws(GLBFault) -> Bool? {
        guard let value = object[name] else { return nil }
        guard let flag = value.bool else { throw fault(name, "must be true or false, and is \(value.kind)") }
        return flag
    }

    func number(_ name: String) throws(GLBFault) -> Double? {
        guard let value = object[name] else { return nil }
        guard let number = value.double, number.isFinite else { throw fault(name, "must be a number") }
        return number
    }

    /// An array of exactly `count` finite numbers.
    func numbers(_ name: String, count: Int) throws(GLBFault) -> [Double]? {
        guard let value = object[name] else { return nil }
        guard let items = value.array else { throw fault(name, "must be an array, and is \(value.kind)") }
        let numbers = items.compactMap(\.double).filter(\.isFinite)
        guard numbers.count == count, items.count == count else {
            throw fault(name, "must hold \(count) numbers, and has \(items.count) values")
        }
        return numbers
    }

    func part(_ name: String) throws(GLBFault) -> JSONPart? {
        guard let value = object[name] else { return nil }
        guard let object = value.object else { throw fault(name, "must be an object, and is \(value.kind)") }
        return JSONPart(object: object, path: place(name))
    }

    func requiredPart(_ name: String) throws(GLBFault) -> JSONPart {
        guard let part = try part(name) else { throw fault(name, "is missing") }
        return part
    }

    /// An array of objects; none when the name is absent.
    func parts(_ name: String) throws(GLBFault) -> [JSONPart] {
        guard let value = object[name] else { return [] }
        guard let items = value.array else { throw fault(name, "must be an array, and is \(value.kind)") }
        var parts: [JSONPart] = []
        parts.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            guard let object = item.object else {
                throw fault("\(name)[\(index)]", "must be an object, and is \(item.kind)")
            }
            parts.append(JSONPart(object: object, path: place("\(name)[\(index)]")))
        }
        return parts
    }

    /// An extension's object, if this object carries it.
    func ext(_ name: String) throws(GLBFault) -> JSONPart? { try part("extensions")?.part(name) }
}
