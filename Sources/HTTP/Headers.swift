/// The fields of a message, in order, names without regard to case (RFC 9110 §5).
///
/// All names and values lie in one flat buffer with one index beside it, so a message head costs two allocations
/// however many fields it has, and none when a value is reused (`removeAll(keepingCapacity:)`).
package struct Headers: Sendable {
    /// Where one field lies in `bytes`.
    @usableFromInline
    struct Field: Sendable {
        @usableFromInline var nameStart: UInt32
        @usableFromInline var nameLength: UInt32
        @usableFromInline var valueStart: UInt32
        @usableFromInline var valueLength: UInt32

        @inlinable
        init(nameStart: UInt32, nameLength: UInt32, valueStart: UInt32, valueLength: UInt32) {
            self.nameStart = nameStart
            self.nameLength = nameLength
            self.valueStart = valueStart
            self.valueLength = valueLength
        }
    }

    /// Fields as they go on the wire, `name: value CRLF` each, when `isWire`; otherwise a copy of a received head.
    @usableFromInline var bytes: [UInt8] = []
    @usableFromInline var fields: [Field] = []
    @usableFromInline var isWire = true

    package init() {}

    @inlinable package var count: Int { fields.count }
    package var isEmpty: Bool { fields.isEmpty }

    /// The first value under `name`; setting replaces every field of that name, setting `nil` removes them.
    package subscript(name: String) -> String? {
        get { first(name) }
        set {
            if let newValue { set(name, newValue) } else { remove(name) }
        }
    }

    package func first(_ name: String) -> String? {
        for field in fields where matches(field, name) { return value(of: field) }
        return nil
    }

    /// Every value under `name`, in the order received. Lists are not split at commas.
    package func all(_ name: String) -> [String] {
        fields.filter { matches($0, name) }.map { value(of: $0) }
    }

    package func contains(_ name: String) -> Bool {
        fields.contains { matches($0, name) }
    }

    /// Lends the bytes of the first value under `name` without making a `String`; `nil` when there is none.
    @inlinable @inline(__always)
    package func withFirst<R>(_ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>?) -> R) -> R {
        let wanted = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        return bytes.withUnsafeBufferPointer { buffer in
            for field in fields where Int(field.nameLength) == wanted.count {
                if equalIgnoringCase(buffer.slice(field.nameStart, field.nameLength), wanted) {
                    return body(buffer.slice(field.valueStart, field.valueLength))
                }
            }
            return body(nil)
        }
    }

    /// Adds a field after the others.
    ///
    /// The name must be a token and the value free of CR, LF and NUL (RFC 9110 §5.5); anything else is a mistake
    /// of our own code and traps. For values that come from outside use `add(_:from:)`, which throws.
    package mutating func add(_ name: String, _ value: String) {
        guard appendChecked(name, value) else {
            preconditionFailure("header field \(name) has a name or value that must not go on the wire")
        }
    }

    /// Adds a field whose value comes from outside; throws when it could break the message's framing.
    package mutating func add(_ name: String, from value: String) throws(HeaderFault) {
        guard appendChecked(name, value) else { throw HeaderFault(name: name) }
    }

    /// Replaces every field called `name` by one; traps like `add`.
    package mutating func set(_ name: String, _ value: String) {
        remove(name)
        add(name, value)
    }

    package mutating func remove(_ name: String) {
        guard contains(name) else { return }
        var rest = Headers()
        for field in fields where !matches(field, name) { rest.append(field, of: self) }
        self = rest
    }

    package mutating func removeAll(keepingCapacity: Bool = false) {
        bytes.removeAll(keepingCapacity: keepingCapacity)
        fields.removeAll(keepingCapacity: keepingCapacity)
        isWire = true
    }

    /// Appends every field to `output` as `name: value CRLF`.
    package func write(to output: inout [UInt8]) {
        if isWire { return output.append(contentsOf: bytes) }
        var wire = Headers()
        for field in fields { wire.append(field, of: self) }
        output.append(contentsOf: wire.bytes)
    }

    /// Lends the wire form in one piece, the quickest way to send it.
    @inlinable @inline(__always)
    package func withWireBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        if isWire { return bytes.withUnsafeBufferPointer(body) }
        var wire: [UInt8] = []
        write(to: &wire)
        return wire.withUnsafeBufferPointer(body)
    }
}

/// A field that must not be sent: its name is no token, or its value holds CR, LF or NUL.
package struct HeaderFault: Error, Equatable, CustomStringConvertible {
    package let name: String
    package var description: String {
        "header field \(name) has a value that is not allowed: CR, LF and NUL cannot be sent"
    }
}

// MARK: - For the parser

extension Headers {
    /// Takes over a received head: `block` is copied whole, fields are then noted by offset into it.
    @inlinable @inline(__always)
    package mutating func adopt(_ block: UnsafeBufferPointer<UInt8>) {
        bytes.append(contentsOf: block)
        isWire = false
    }

    @inlinable @inline(__always)
    package mutating func noteField(nameStart: Int, nameLength: Int, valueStart: Int, valueLength: Int) {
        fields.append(
            Field(
                nameStart: UInt32(nameStart), nameLength: UInt32(nameLength), valueStart: UInt32(valueStart),
                valueLength: UInt32(valueLength)))
    }
}

// MARK: - Inside

extension Headers {
    @inline(__always)
    private func matches(_ field: Field, _ name: String) -> Bool {
        guard Int(field.nameLength) == name.utf8.count else { return false }
        return bytes.withUnsafeBufferPointer { buffer in
            let mine = buffer.slice(field.nameStart, field.nameLength)
            var name = name
            return name.withUTF8 { equalIgnoringCase(mine, $0) }
        }
    }

    func name(of field: Field) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0.slice(field.nameStart, field.nameLength), as: UTF8.self) }
    }

    func value(of field: Field) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0.slice(field.valueStart, field.valueLength), as: UTF8.self) }
    }

    private mutating func append(_ field: Field, of other: Headers) {
        other.bytes.withUnsafeBufferPointer {
            appendWire($0.slice(field.nameStart, field.nameLength), $0.slice(field.valueStart, field.valueLength))
        }
    }

    private mutating func appendChecked(_ name: String, _ value: String) -> Bool {
        var name = name
        var value = value
        return name.withUTF8 { name in
            value.withUTF8 { value in
                guard name.isToken, value.isFieldValue else { return false }
                appendWire(name, value)
                return true
            }
        }
    }

    private mutating func appendWire(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        if !isWire {
            var wire = Headers()
            for field in fields { wire.append(field, of: self) }
            self = wire
        }
        let start = bytes.count
        let end = start + name.count + value.count + 4
        // By doubling: what is reserved exactly is copied whole at the next field.
        if bytes.capacity < end { bytes.reserveCapacity(Swift.max(end, 2 * bytes.capacity, 256)) }
        bytes.append(contentsOf: name)
        bytes.append(UInt8(ascii: ":"))
        bytes.append(UInt8(ascii: " "))
        bytes.append(contentsOf: value)
        bytes.append(UInt8(ascii: "\r"))
        bytes.append(UInt8(ascii: "\n"))
        noteField(
            nameStart: start, nameLength: name.count, valueStart: start + name.count + 2, valueLength: value.count)
    }
}

extension Headers: Sequence {
    package func makeIterator() -> AnyIterator<(name: String, value: String)> {
        var rest = fields.makeIterator()
        return AnyIterator {
            guard let field = rest.next() else { return nil }
            return (self.name(of: field), self.value(of: field))
        }
    }
}

extension Headers: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, String)...) {
        for (name, value) in elements { add(name, value) }
    }
}

/// Equal when the same values stand under the same names in the same order; the case of names does not matter.
extension Headers: Equatable {
    package static func == (left: Headers, right: Headers) -> Bool {
        left.count == right.count
            && zip(left.fields, right.fields).allSatisfy { mine, theirs in
                left.matches(mine, right.name(of: theirs)) && left.value(of: mine) == right.value(of: theirs)
            }
    }
}
