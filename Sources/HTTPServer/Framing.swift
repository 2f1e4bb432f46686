import HTTP

/// What the head of a request says about the message and the connection (RFC 9112 §6, §9.3).
package struct Framing: Sendable, Equatable {
    package enum Body: Sendable, Equatable {
        case none
        case length(Int)
        case chunked
    }

    package var body = Body.none
    /// Whether the client wants the connection kept.
    package var keepsAlive = true
    /// Whether the client waits for 100 before it sends the body.
    package var expectsContinue = false
}

/// Collects the fields that framing depends on as they are parsed, and judges them together at the end of the head.
struct FramingRules: Sendable {
    private var hosts = 0
    private var isHostValid = true
    private var lengths = 0
    private var length: Int? = 0
    private var hasCoding = false
    private var codings = 0
    private var unknownCodings = 0
    private var isChunkedLast = false
    private var isCodingEmpty = false
    private var closes = false
    private var keepsAlive = false
    private var expectsContinue = false
    private var expectsUnknown = false

    /// Notes one field; only the few that matter are looked at, picked by the length of their name.
    @inline(__always)
    mutating func note(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
        switch name.count {
        case 4 where Self.matches(name, "host"):
            hosts += 1
            if !HostSyntax.isValid(value) { isHostValid = false }
        case 6 where Self.matches(name, "expect"):
            if Self.equals(value, "100-continue") { expectsContinue = true } else { expectsUnknown = true }
        case 10 where Self.matches(name, "connection"): noteConnection(value)
        case 14 where Self.matches(name, "content-length"):
            lengths += 1
            length = Self.number(value)
        case 17 where Self.matches(name, "transfer-encoding"): noteCodings(value)
        default: break
        }
    }

    /// Judges what was noted; the gravest fault first, so that a smuggler never gets a milder answer.
    func framing(version: HTTPVersion) throws(Refusal) -> Framing {
        if hasCoding, lengths > 0 { throw .lengthAndCoding }
        if lengths > 1 { throw .repeatedLength }
        guard let length else { throw .badLength }
        if hasCoding, version == .http10 { throw .codingInHTTP10 }
        // RFC 9112 §3.2: exactly one Host in HTTP/1.1; HTTP/1.0 knew none, but two are a lie in any version.
        if hosts > 1 { throw .repeatedHost }
        if hosts == 0, version == .http11 { throw .missingHost }
        if !isHostValid { throw .badHost }
        var framing = Framing()
        if hasCoding {
            // RFC 9112 §6.3, rule 4: without chunked at the very end the body has no end that both sides know.
            if !isChunkedLast || isCodingEmpty || codings - unknownCodings > 1 { throw .badCoding }
            if unknownCodings > 0 { throw .unknownCoding }
            framing.body = .chunked
        } else if length > 0 {
            framing.body = .length(length)
        }
        if expectsUnknown { throw .badExpectation }
        // RFC 9112 §9.3: 1.1 persists unless told otherwise, 1.0 only when asked to.
        framing.keepsAlive = !closes && (version == .http11 || keepsAlive)
        // RFC 9110 §10.1.1: an expectation in HTTP/1.0, or without a body, is ignored.
        framing.expectsContinue = expectsContinue && version == .http11 && framing.body != .none
        return framing
    }

    /// RFC 9110 §7.6.1: a list of tokens; only two of them mean something here.
    private mutating func noteConnection(_ value: UnsafeBufferPointer<UInt8>) {
        if Self.equals(value, "keep-alive") {
            keepsAlive = true
            return
        }
        Self.eachElement(value) { element in
            if Self.equals(element, "close") { closes = true }
            if Self.equals(element, "keep-alive") { keepsAlive = true }
        }
    }

    private mutating func noteCodings(_ value: UnsafeBufferPointer<UInt8>) {
        hasCoding = true
        var isEmpty = true
        Self.eachElement(value) { element in
            isEmpty = false
            codings += 1
            isChunkedLast = Self.equals(element, "chunked")
            if !isChunkedLast { unknownCodings += 1 }
        }
        if isEmpty { isCodingEmpty = true }
    }

    // MARK: Small readings

    @inline(__always)
    private static func eachElement(
        _ list: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        for part in list.split(separator: UInt8(ascii: ",")) {
            var part = part
            while let first = part.first, first == 0x20 || first == 0x09 { part = part.dropFirst() }
            while let last = part.last, last == 0x20 || last == 0x09 { part = part.dropLast() }
            if !part.isEmpty { body(UnsafeBufferPointer(rebasing: part)) }
        }
    }

    /// A number of digits alone: no sign, no space, no list (RFC 9110 §8.6). One beyond `Int` is as good as the
    /// largest, and refused for its size.
    static func number(_ digits: UnsafeBufferPointer<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for digit in digits {
            guard digit &- UInt8(ascii: "0") <= 9 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowToo) = tens.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            value = overflow || overflowToo ? .max : sum
        }
        return value
    }

    /// Compares a token with lower-case letters; `name` holds token characters only, so folding by one bit is exact.
    @inline(__always)
    private static func matches(_ name: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
        let word = word.utf8Start
        for index in 0..<name.count where name[index] | 0x20 != word[index] { return false }
        return true
    }

    @inline(__always)
    private static func equals(_ value: UnsafeBufferPointer<UInt8>, _ word: StaticString) -> Bool {
        equalIgnoringCase(value, UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
}
