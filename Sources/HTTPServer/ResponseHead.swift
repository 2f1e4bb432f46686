import HTTP

/// Writes the status line and fields of an answer.
struct ResponseHead {
    enum Length {
        case known(Int64)
        case chunked
        /// The end of the connection is the end of the body (HTTP/1.0).
        case untilClose
        /// The status forbids a body.
        case none
    }

    let status: HTTPStatus
    let length: Length
    let version: HTTPVersion
    let keepsAlive: Bool

    @inline(__always)
    func write(_ headers: Headers, id: RequestID, date: [UInt8], to output: inout [UInt8]) {
        if status == .ok {
            output.append("HTTP/1.1 200 OK\r\n")
        } else {
            output.append("HTTP/1.1 ")
            output.append(decimal: UInt64(status.code))
            output.append(UInt8(ascii: " "))
            output.append(status.reason)
            output.append("\r\n")
        }
        output.append(contentsOf: date)
        headers.write(to: &output)
        switch length {
        case .known(let count):
            output.append("Content-Length: ")
            output.append(decimal: UInt64(count))
            output.append("\r\n")
        case .chunked: output.append("Transfer-Encoding: chunked\r\n")
        case .untilClose, .none: break
        }
        if !keepsAlive {
            output.append("Connection: close\r\n")
        } else if version == .http10 {
            output.append("Connection: keep-alive\r\n")
        }
        output.append("X-Request-Id: ")
        id.write(to: &output)
        output.append("\r\n\r\n")
    }
}

extension [UInt8] {
    @inline(__always)
    mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends a number in decimal digits.
    mutating func append(decimal value: UInt64) {
        if value < 10 { return append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
        append(decimal: value / 10)
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }

    /// Appends a number in hexadecimal digits, as chunk sizes are written.
    mutating func append(hexadecimal value: Int) {
        if value >= 16 { append(hexadecimal: value >> 4) }
        let digit = UInt8(truncatingIfNeeded: value & 15)
        append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
    }
}
