import HTTP

/// Reads request heads from bytes: a pure value, fed with everything that has come of one request so far, as often
/// as more comes. Lines already read are not read again.
///
/// Strict after RFC 9112; wherever that lets a server repair a message, this one refuses it, because a proxy in
/// front may have repaired it differently.
package struct RequestParser: Sendable {
    package enum Step: Sendable, Equatable {
        /// The head is not complete; feed the same bytes again with more behind them.
        case needMore
        /// The head is complete and took this many bytes; `framing` says what follows.
        case head(length: Int)
        case refused(Refusal)
    }

    package private(set) var framing = Framing()
    private var rules = FramingRules()
    /// The start of the first line that is not read yet.
    private var cursor = 0
    /// Where the fields begin; 0 while the request line is not complete.
    private var fieldsStart = 0
    private var targetStart = 0
    private var targetLength = 0

    package init() {}

    /// Whether some but not all of a head has been read.
    package var hasBegun: Bool { cursor > 0 }

    /// Goes on reading the head in `input`, which begins where the request does. `request` must be the same value
    /// on every call for one request; its method, target, version and headers are valid after `.head`.
    package mutating func parse(
        _ input: UnsafeBufferPointer<UInt8>, limits: ServerLimits, into request: inout HTTPRequest
    ) -> Step {
        do throws(Refusal) {
            if fieldsStart == 0 {
                request.headers.removeAll(keepingCapacity: true)
                guard try skipEmptyLines(input), try readRequestLine(input, limits, &request) else { return .needMore }
            }
            guard try readFields(input, limits, &request.headers) else { return .needMore }
            framing = try rules.framing(version: request.version)
            let fields = UnsafeBufferPointer(rebasing: input[fieldsStart..<cursor])
            request.headers.adopt(fields)
            let target = UnsafeBufferPointer(rebasing: input[targetStart..<targetStart + targetLength])
            try TargetForm.take(target, into: &request)
        } catch {
            return .refused(error)
        }
        let length = cursor
        let framing = framing
        self = RequestParser()
        self.framing = framing
        return .head(length: length)
    }

    /// RFC 9112 §2.2: an empty line before a request is passed over, or two, for clients that end a body with CRLF.
    private mutating func skipEmptyLines(_ input: UnsafeBufferPointer<UInt8>) throws(Refusal) -> Bool {
        while cursor < 4, cursor < input.count, input[cursor] == UInt8(ascii: "\r") {
            guard cursor + 1 < input.count else { return false }
            guard input[cursor + 1] == UInt8(ascii: "\n") else { throw .badLineEnd }
            cursor += 2
        }
        return cursor < input.count
    }

    /// RFC 9112 §3: method SP request-target SP HTTP-version CRLF, single spaces only.
    private mutating func readRequestLine(
        _ input: UnsafeBufferPointer<UInt8>, _ limits: ServerLimits, _ request: inout HTTPRequest
    ) throws(Refusal) -> Bool {
        let table = ByteClass.table
        let end = min(input.count, cursor + limits.requestLineBytes)
        var index = cursor
        while index < end, table[Int(input[index])] & ByteClass.token != 0 { index += 1 }
        // No method is this long (RFC 9112 §3: 501 for one longer than any that is implemented).
        if index - cursor > 32 { throw .unknownMethod }
        guard index < end else { return try awaitMore(input, end, limits) }
        guard input[index] == UInt8(ascii: " "), index > cursor else { throw .badMethod }
        let method = UnsafeBufferPointer(rebasing: input[cursor..<index])
        let start = index + 1
        index = Self.skipTarget(input, from: start, to: end)
        guard index < end else { return try awaitMore(input, end, limits) }
        guard input[index] == UInt8(ascii: " "), index > start else { throw .badTarget }
        targetStart = start
        targetLength = index - start
        guard let version = try readVersion(input, from: index + 1, to: end) else {
            return try awaitMore(input, end, limits)
        }
        request.version = version
        request.method = Self.method(method)
        cursor = index + 11
        fieldsStart = cursor
        return true
    }

    /// A line that has not ended yet may still be too long already.
    private func awaitMore(
        _ input: UnsafeBufferPointer<UInt8>, _ end: Int, _ limits: ServerLimits
    ) throws(Refusal) -> Bool {
        if end < input.count { throw .longRequestLine(limit: limits.requestLineBytes) }
        return false
    }

    /// RFC 9112 §2.3, with the line's end. What has come of it is checked at once, the rest when it comes.
    private func readVersion(
        _ input: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int
    ) throws(Refusal) -> HTTPVersion? {
        let template: StaticString = "HTTP/d.d\r\n"
        let available = min(10, end - start)
        for offset in 0..<available {
            let expected = template.utf8Start[offset]
            let byte = input[start + offset]
            if expected == UInt8(ascii: "d") {
                guard byte &- UInt8(ascii: "0") <= 9 else { throw .badVersion }
            } else if byte != expected {
                throw offset < 8 ? .badVersion : .badLineEnd
            }
        }
        guard available == 10 else { return nil }
        guard input[start + 5] == UInt8(ascii: "1") else { throw .unsupportedVersion }
        // A higher minor version is answered as the highest we speak (RFC 9110 §2.5).
        return input[start + 7] == UInt8(ascii: "0") ? .http10 : .http11
    }

    /// RFC 9112 §5: name ":" OWS value OWS CRLF, until an empty line.
    private mutating func readFields(
        _ input: UnsafeBufferPointer<UInt8>, _ limits: ServerLimits, _ headers: inout Headers
    ) throws(Refusal) -> Bool {
        let table = ByteClass.table
        let end = min(input.count, fieldsStart + limits.headerBytes)
        while cursor < end {
            let nameStart = cursor
            var index = cursor
            while index < end, table[Int(input[index])] & ByteClass.token != 0 { index += 1 }
            guard index < end else { break }
            guard input[index] == UInt8(ascii: ":"), index > nameStart else {
                if index > nameStart || input[index] == UInt8(ascii: ":") { throw .badFieldName }
                if input[index] == UInt8(ascii: "\r") {
                    guard index + 1 < end else { break }
                    guard input[index + 1] == UInt8(ascii: "\n") else { throw .badLineEnd }
                    cursor = index + 2
                    return true
                }
                if input[index] == UInt8(ascii: "\n") { throw .badLineEnd }
                throw input[index] == 0x20 || input[index] == 0x09 ? .foldedField : .badFieldName
            }
            let nameLength = index - nameStart
            index += 1
            while index < end, input[index] == 0x20 || input[index] == 0x09 { index += 1 }
            let valueStart = index
            index = Self.skipFieldValue(input, from: index, to: end)
            guard index < end else { break }
            guard input[index] == UInt8(ascii: "\r") else {
                throw input[index] == UInt8(ascii: "\n") ? .badLineEnd : .badFieldValue
            }
            guard index + 1 < end else { break }
            guard input[index + 1] == UInt8(ascii: "\n") else { throw .badLineEnd }
            var valueEnd = index
            while valueEnd > valueStart, input[valueEnd - 1] == 0x20 || input[valueEnd - 1] == 0x09 { valueEnd -= 1 }
            guard headers.count < limits.headerCount else { throw .manyFields(limit: limits.headerCount) }
            headers.noteField(
                nameStart: nameStart - fieldsStart, nameLength: nameLength, valueStart: valueStart - fieldsStart,
                valueLength: valueEnd - valueStart)
            rules.note(
                UnsafeBufferPointer(rebasing: input[nameStart..<nameStart + nameLength]),
                UnsafeBufferPointer(rebasing: input[valueStart..<valueEnd]))
            cursor = index + 2
        }
        if end < input.count || end - fieldsStart >= limits.headerBytes { throw .longHead(limit: limits.headerBytes) }
        return false
    }

    // MARK: Scanning

    /// The end of the visible ASCII that starts at `start`, eight bytes at a time.
    @inline(__always)
    private static func skipTarget(_ input: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        let raw = UnsafeRawBufferPointer(input)
        while index + 8 <= end {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if word.hasByte(below: 0x21) || word & 0x8080_8080_8080_8080 != 0 || word.hasDelete { break }
            index += 8
        }
        while index < end, input[index] > 0x20, input[index] < 0x7f { index += 1 }
        return index
    }

    /// The end of the field content that starts at `start`: white space, visible ASCII and obs-text.
    @inline(__always)
    private static func skipFieldValue(_ input: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) -> Int {
        let table = ByteClass.table
        var index = start
        let raw = UnsafeRawBufferPointer(input)
        while index + 8 <= end {
            let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            if word.hasByte(below: 0x20) || word.hasDelete { break }
            index += 8
        }
        while index < end, table[Int(input[index])] & ByteClass.fieldValue != 0 { index += 1 }
        return index
    }

    @inline(__always)
    private static func method(_ name: UnsafeBufferPointer<UInt8>) -> HTTPMethod {
        if name.count == 3, name[0] == UInt8(ascii: "G"), name[1] == UInt8(ascii: "E"), name[2] == UInt8(ascii: "T") {
            return .get
        }
        return HTTPMethod(String(decoding: name, as: UTF8.self))
    }
}

/// Eight bytes looked at as one word. (Swift's SIMD masks have no cheap `any`; this has.)
extension UInt64 {
    /// Whether some byte is below `limit`, which is at most 0x80; bytes of 0x80 and up do not count.
    @inline(__always)
    fileprivate func hasByte(below limit: UInt64) -> Bool {
        (self &- 0x0101_0101_0101_0101 &* limit) & ~self & 0x8080_8080_8080_8080 != 0
    }

    /// Whether some byte is DEL.
    @inline(__always)
    fileprivate var hasDelete: Bool {
        let word = self ^ 0x7f7f_7f7f_7f7f_7f7f
        return (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0
    }
}
