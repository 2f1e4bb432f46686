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
    func write(_ headers: Headers, id: RequestID, date: [UInt8], to output: OutputBuffer) {
        if status == .ok {
            output.append("HTTP/1.1 200 OK\r\n")
        } else {
            output.append("HTTP/1.1 ")
            output.append(decimal: UInt64(status.code))
            output.append(UInt8(ascii: " "))
            output.append(status.reason)
            output.append("\r\n")
        }
        output.append(date)
        headers.withWireBytes { output.append($0) }
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
        output.append(id)
        output.append("\r\n\r\n")
    }
}
