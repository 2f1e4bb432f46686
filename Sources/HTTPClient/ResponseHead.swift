import HTTP

/// The head of an answer as libcurl hands it over, line by line; interim answers (1xx) and trailers included.
///
/// libcurl takes a connection that closes inside the head for the end of an answer. It is one only if the empty line
/// was seen (RFC 9112 §2.1), which is what `isComplete` tells.
struct ResponseHead {
    private(set) var status = 0
    private(set) var isComplete = false
    /// Bytes of all lines so far, those of interim answers and trailers too.
    private(set) var receivedBytes = 0
    private var lines: [UInt8] = []

    /// Takes one line with its line end. False when the lines together are longer than `limit`.
    mutating func take(_ line: UnsafeRawBufferPointer, limit: Int) -> Bool {
        receivedBytes += line.count
        guard receivedBytes <= limit else { return false }
        let isFinal = isComplete && status >= 200
        // What follows the final head are trailers: counted, not kept.
        if isFinal { return true }
        if lines.isEmpty || isComplete {
            lines.removeAll(keepingCapacity: true)
            isComplete = false
            status = Self.status(line)
        } else if line.count <= 2, line.allSatisfy({ $0 == 13 || $0 == 10 }) {
            isComplete = true
        }
        lines.append(contentsOf: line)
        return true
    }

    /// `HTTP/1.1 200 OK` or `HTTP/2 200`.
    private static func status(_ line: UnsafeRawBufferPointer) -> Int {
        guard let space = line.firstIndex(of: 0x20) else { return 0 }
        var code = 0
        for byte in line[(space + 1)...].prefix(3) {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return 0 }
            code = code * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return code
    }

    mutating func reset() {
        status = 0
        isComplete = false
        receivedBytes = 0
        lines.removeAll(keepingCapacity: lines.capacity <= 4096)
    }

    /// The fields, without the status line. What is no field, or could not be sent on, is left out.
    func headers() -> Headers {
        var block = lines
        var fields: [(name: Range<Int>, value: Range<Int>)] = []
        var start = (block.firstIndex(of: 10) ?? block.count - 1) + 1
        while start < block.count {
            let end = block[start...].firstIndex(of: 10) ?? block.count
            var last = end
            if last > start, block[last - 1] == 13 { last -= 1 }
            if start < last, block[start] == 0x20 || block[start] == 9, let previous = fields.popLast() {
                // A folded line continues the value before it; the fold becomes spaces (RFC 9112 §5.2).
                for index in previous.value.upperBound..<start { block[index] = 0x20 }
                fields.append((previous.name, previous.value.lowerBound..<last))
            } else if let colon = block[start..<last].firstIndex(of: UInt8(ascii: ":")) {
                fields.append((start..<colon, colon + 1..<last))
            }
            start = end + 1
        }
        var headers = Headers()
        block.withUnsafeBufferPointer { bytes in
            headers.adopt(bytes)
            for (name, value) in fields {
                var value = value
                while let byte = value.first.map({ bytes[$0] }), byte == 0x20 || byte == 9 { value.removeFirst() }
                while let byte = value.last.map({ bytes[$0] }), byte == 0x20 || byte == 9 { value.removeLast() }
                guard UnsafeBufferPointer(rebasing: bytes[name]).isToken,
                    UnsafeBufferPointer(rebasing: bytes[value]).isFieldValue
                else { continue }
                headers.noteField(
                    nameStart: name.lowerBound, nameLength: name.count, valueStart: value.lowerBound,
                    valueLength: value.count)
            }
        }
        return headers
    }
}
