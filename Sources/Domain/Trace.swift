/// Where a piece of work came from, so that whoever follows a request finds all that it led to: kept with the task, and
/// carried to calls upstream, to webhooks and into the log. By W3C Trace Context, level 1.
package struct Trace: Hashable, Sendable {
    /// 32 lower-case hexadecimal digits, not all zero.
    package let id: String
    /// Two digits: whether the client records its part.
    package let flags: String
    /// What the client's tracing system adds, passed on as it came.
    package let state: String?
    /// The submit's `X-Request-Id`.
    package let request: String

    package init(id: String, flags: String, state: String?, request: String) {
        self.id = id
        self.flags = flags
        self.state = state
        self.request = request
    }

    /// From the headers of a submit; a `traceparent` that is wrong counts as none (§3.2.2), and then the task's own id
    /// begins the trace.
    package init(traceparent: String?, tracestate: String?, request: String, task: TaskID) {
        if let traceparent, let parent = Self.parts(of: traceparent) {
            // §3.3.1.4: 512 characters are the most that must be passed on; longer ones may be dropped.
            let isPlain = tracestate?.utf8.allSatisfy { (0x20...0x7E).contains($0) } ?? false
            let state = isPlain && (tracestate?.utf8.count ?? 0) <= 512 ? tracestate : nil
            self.init(id: parent.id, flags: parent.flags, state: state, request: request)
        } else {
            self.init(id: Self.hex(task.high) + Self.hex(task.low), flags: "00", state: nil, request: request)
        }
    }

    /// `traceparent` for a call that belongs to this work; `span` names the part of it that calls.
    package func parent(span: UInt64) -> String {
        "00-\(id)-\(Self.hex(span == 0 ? 1 : span))-\(flags)"
    }

    /// version "-" trace-id "-" parent-id "-" trace-flags (§3.2.2); a later version may have more behind them.
    private static func parts(of text: String) -> (id: String, flags: String)? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 55, bytes.count <= 255, [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }) else {
            return nil
        }
        func isHex(_ range: Range<Int>) -> Bool {
            bytes[range].allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        }
        func isZero(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy { $0 == UInt8(ascii: "0") } }
        let version = String(decoding: bytes[0..<2], as: UTF8.self)
        guard isHex(0..<2), isHex(3..<35), isHex(36..<52), isHex(53..<55), version != "ff",
            version == "00" ? bytes.count == 55 : bytes.count == 55 || bytes[55] == UInt8(ascii: "-"),
            !isZero(3..<35), !isZero(36..<52)
        else { return nil }
        // Of the flags only the first is known to version 00; others are cleared (§3.2.2.5).
        let isSampled = bytes[54] & 1 == (bytes[54] >= UInt8(ascii: "a") ? 0 : 1)
        return (String(decoding: bytes[3..<35], as: UTF8.self), isSampled ? "01" : "00")
    }

    private static func hex(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
