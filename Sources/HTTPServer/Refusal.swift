import HTTP

/// Why the server itself turns a request away, before any handler has seen it.
package struct Refusal: Error, Sendable, Equatable {
    package let status: HTTPStatus
    /// A stable lower-case word for programs.
    package let code: String
    /// A sentence for people: what was wrong and what to do.
    package let message: String

    package init(_ status: HTTPStatus, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }
}

extension Refusal {
    static func malformed(_ message: String) -> Refusal { Refusal(.badRequest, "malformed_request", message) }

    static let badMethod = malformed("The method must be a token of letters, followed by one space.")
    static let unknownMethod = Refusal(
        .notImplemented, "unknown_method", "The method is not one this server knows or could tunnel.")
    static let badTarget = malformed(
        "The request target must be an absolute path or an http URL in visible ASCII, without a fragment.")
    static let badVersion = malformed("The request line must end in HTTP/1.1 or HTTP/1.0 and CR LF.")
    static let unsupportedVersion = Refusal(
        .versionNotSupported, "unsupported_version", "This server speaks HTTP/1.1 and HTTP/1.0.")
    static let badLineEnd = malformed("A line must end in CR LF; a bare CR or LF is not accepted.")
    static let foldedField = malformed("A header line must not begin with white space (obs-fold).")
    static let badFieldName = malformed("A header name must be a token directly followed by a colon.")
    static let badFieldValue = malformed("A header value must not hold control characters.")
    static let missingHost = malformed("An HTTP/1.1 request must have a Host header.")
    static let repeatedHost = malformed("A request must have only one Host header.")
    static let badHost = malformed("The Host header must be a host name or address with an optional port.")
    static let repeatedLength = malformed("A request must have only one Content-Length header, with one number.")
    static let badLength = malformed("Content-Length must be digits only.")
    static let lengthAndCoding = malformed("A request must not have both Content-Length and Transfer-Encoding.")
    static let badCoding = malformed("Transfer-Encoding must be chunked, once and last.")
    static let codingInHTTP10 = malformed("Transfer-Encoding is not part of HTTP/1.0.")
    static let unknownCoding = Refusal(
        .notImplemented, "unknown_transfer_coding", "The only transfer coding this server knows is chunked.")
    static let badExpectation = Refusal(
        .expectationFailed, "unknown_expectation", "The only expectation this server knows is 100-continue.")

    static func longRequestLine(limit: Int) -> Refusal {
        Refusal(.uriTooLong, "uri_too_long", "The request line is longer than the limit of \(limit) bytes.")
    }

    static func manyFields(limit: Int) -> Refusal {
        Refusal(.headerFieldsTooLarge, "headers_too_large", "The header fields are more than the limit of \(limit).")
    }

    static func longHead(limit: Int) -> Refusal {
        Refusal(
            .headerFieldsTooLarge, "headers_too_large",
            "The header fields together are longer than the limit of \(limit) bytes.")
    }

    static let badChunk = malformed("A chunk must begin with its size in hexadecimal and end in CR LF.")
    static let longChunkExtension = malformed("The chunk extensions are too long.")
    static let badTrailer = malformed("The trailer section is not made of header fields.")

    static func longTrailer(limit: Int) -> Refusal {
        Refusal(
            .headerFieldsTooLarge, "trailers_too_large",
            "The trailer section is longer than the limit of \(limit) bytes.")
    }

    static func largeBody(limit: Int) -> Refusal {
        Refusal(.contentTooLarge, "body_too_large", "The body is larger than the limit of \(limit) bytes.")
    }

    static let slowHead = Refusal(.requestTimeout, "request_timeout", "The request's head took too long to arrive.")
    static let slowBody = Refusal(.requestTimeout, "request_timeout", "The request's body arrived too slowly.")
    static let noRoom = Refusal(
        .serviceUnavailable, "overloaded", "Too many uploads are being received at once; try again in a few seconds.")
    static let noAnswer = Refusal(.serviceUnavailable, "answer_timeout", "The answer took too long to make.")
    static let lostFile = Refusal(.notFound, "not_found", "The file is no longer there.")
    static let tooManyConnections = Refusal(
        .serviceUnavailable, "too_many_connections", "The server has as many connections as it can hold.")
    static let tooManyFromAddress = Refusal(
        .tooManyRequests, "too_many_connections", "Your address has too many connections open; close or reuse some.")
}
