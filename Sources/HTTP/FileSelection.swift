/// Which part of a file a request wants, decided from its conditional and range headers (RFC 9110 §13, §14).
package enum FileSelection: Sendable, Equatable {
    /// 200: all of it.
    case whole
    /// 206: from `offset`, `length` bytes.
    case part(offset: Int64, length: Int64)
    /// 304: the client has it.
    case notModified
    /// 412: the client wants another version.
    case preconditionFailed
    /// 416: no byte of the range exists.
    case unsatisfiable

    /// What names this version of the file.
    package struct Version: Sendable {
        package let size: Int64
        /// A strong entity tag, quotes included.
        package let etag: String
        /// In milliseconds since 1970, cut to whole seconds when compared; `nil` if it is not told.
        package let modified: Int64?

        package init(size: Int64, etag: String, modified: Int64? = nil) {
            self.size = size
            self.etag = etag
            self.modified = modified
        }
    }

    /// The order of evaluation is that of RFC 9110 §13.2.2.
    package init(_ request: HTTPRequest, of file: Version) {
        let headers = request.headers
        let seconds = file.modified.map { $0 / 1000 }
        if headers.contains("If-Match") {
            guard Self.matches(headers.all("If-Match"), file.etag, weakly: false) else {
                self = .preconditionFailed
                return
            }
        } else if let since = headers["If-Unmodified-Since"].flatMap(Timestamp.fromHTTPDate), let seconds,
            seconds > since / 1000
        {
            self = .preconditionFailed
            return
        }
        if headers.contains("If-None-Match") {
            if Self.matches(headers.all("If-None-Match"), file.etag, weakly: true) {
                self = request.method == .get || request.method == .head ? .notModified : .preconditionFailed
                return
            }
        } else if let since = headers["If-Modified-Since"].flatMap(Timestamp.fromHTTPDate), let seconds,
            seconds <= since / 1000, request.method == .get || request.method == .head
        {
            self = .notModified
            return
        }
        self = Self.range(request, of: file)
    }

    /// A range counts only on GET, only in bytes, and only while `If-Range` holds; what cannot be read is ignored,
    /// as is a request for several ranges, which no client of a model file needs.
    private static func range(_ request: HTTPRequest, of file: Version) -> FileSelection {
        guard request.method == .get, let range = request.headers["Range"] else { return .whole }
        if let condition = request.headers["If-Range"] {
            let isDate = !condition.utf8.contains(UInt8(ascii: "\""))
            let holds =
                isDate
                ? file.modified != nil && Timestamp.fromHTTPDate(condition) == file.modified.map { $0 / 1000 * 1000 }
                : condition == file.etag
            guard holds else { return .whole }
        }
        let text = Array(range.utf8)
        guard text.count > 6, String(decoding: text[..<6], as: UTF8.self).lowercased() == "bytes=" else {
            return .whole
        }
        let spec = text[6...].filter { $0 != 0x20 && $0 != 0x09 }
        let ends = spec.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
        guard ends.count == 2 else { return .whole }
        switch (number(ends[0]), number(ends[1])) {
        case (.absent, .value(let suffix)):
            guard suffix > 0, file.size > 0 else { return .unsatisfiable }
            let length = min(suffix, file.size)
            return .part(offset: file.size - length, length: length)
        case (.value(let first), .absent):
            guard first < file.size else { return .unsatisfiable }
            return .part(offset: first, length: file.size - first)
        case (.value(let first), .value(let last)):
            guard first <= last else { return .whole }
            guard first < file.size else { return .unsatisfiable }
            return .part(offset: first, length: min(last, file.size - 1) - first + 1)
        default: return .whole
        }
    }

    private enum Position {
        case absent, value(Int64), bad
    }

    /// A number of any length; one beyond `Int64` is as good as the largest.
    private static func number(_ digits: ArraySlice<UInt8>) -> Position {
        if digits.isEmpty { return .absent }
        var value: Int64 = 0
        for digit in digits {
            guard digit &- UInt8(ascii: "0") <= 9 else { return .bad }
            let (tens, tooBig) = value.multipliedReportingOverflow(by: 10)
            let (next, tooBigStill) = tens.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            value = tooBig || tooBigStill ? .max : next
        }
        return .value(value)
    }

    /// Whether `*` or one of the listed tags is `etag`. A weak tag never matches strongly (RFC 9110 §8.8.3.2).
    private static func matches(_ lists: [String], _ etag: String, weakly: Bool) -> Bool {
        for list in lists {
            var rest = Substring(list)
            while let first = rest.first {
                if first == "," || first == " " || first == "\t" {
                    rest.removeFirst()
                    continue
                }
                if first == "*" { return true }
                var isWeak = false
                if rest.hasPrefix("W/") {
                    isWeak = true
                    rest.removeFirst(2)
                }
                guard rest.first == "\"", let end = rest.dropFirst().firstIndex(of: "\"") else { break }
                if rest[...end] == etag, weakly || !isWeak { return true }
                rest = rest[rest.index(after: end)...]
            }
        }
        return false
    }
}

extension FileSelection {
    /// The answer for a file at `path`: status, `ETag`, `Accept-Ranges`, `Content-Range` and the bytes themselves.
    /// The caller adds what it knows of the content, such as `Content-Type`.
    package func response(path: String, of file: Version) -> HTTPResponse {
        var headers: Headers = ["ETag": file.etag, "Accept-Ranges": "bytes"]
        if let modified = file.modified { headers.add("Last-Modified", Timestamp.httpDate(modified)) }
        switch self {
        case .whole:
            return HTTPResponse(.ok, headers: headers, body: .file(.init(path: path, offset: 0, length: file.size)))
        case .part(let offset, let length):
            headers.add("Content-Range", "bytes \(offset)-\(offset + length - 1)/\(file.size)")
            let body = FileBody(path: path, offset: offset, length: length)
            return HTTPResponse(.partialContent, headers: headers, body: .file(body))
        case .notModified: return HTTPResponse(.notModified, headers: headers)
        case .preconditionFailed: return HTTPResponse(.preconditionFailed, headers: headers)
        case .unsatisfiable:
            headers.add("Content-Range", "bytes */\(file.size)")
            return HTTPResponse(.rangeNotSatisfiable, headers: headers)
        }
    }
}
