import HTTP
import Testing

@Suite struct `File selection` {
    static let file = FileSelection.Version(size: 1000, etag: "\"v1\"", modified: 784_111_777_123)

    static let ranges: [(String, FileSelection)] = [
        ("bytes=0-0", .part(offset: 0, length: 1)), ("bytes=0-", .part(offset: 0, length: 1000)),
        ("bytes=500-", .part(offset: 500, length: 500)), ("bytes=-1", .part(offset: 999, length: 1)),
        ("bytes=-5000", .part(offset: 0, length: 1000)), ("bytes=990-5000", .part(offset: 990, length: 10)),
        ("BYTES=1-2", .part(offset: 1, length: 2)), ("bytes= 1 - 2 ", .part(offset: 1, length: 2)),
        ("bytes=1000-", .unsatisfiable), ("bytes=-0", .unsatisfiable),
        ("bytes=99999999999999999999999-", .unsatisfiable),
        ("bytes=0-99999999999999999999999", .part(offset: 0, length: 1000)),
        ("bytes=5-4", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=a-b", .whole), ("lines=0-1", .whole),
        ("bytes=0-1,5-6", .whole), ("bytes", .whole), ("bytes=0x1-2", .whole), ("bytes=+1-2", .whole),
    ]

    @Test(arguments: ranges)
    func `reads a range`(range: String, expected: FileSelection) {
        let request = HTTPRequest(.get, "/", headers: ["Range": range])
        #expect(FileSelection(request, of: Self.file) == expected)
        #expect(FileSelection(HTTPRequest(.head, "/", headers: ["Range": range]), of: Self.file) == .whole)
    }

    @Test func `of an empty file has no satisfiable range`() {
        let request = HTTPRequest(.get, "/", headers: ["Range": "bytes=-5"])
        #expect(FileSelection(request, of: .init(size: 0, etag: "\"e\"")) == .unsatisfiable)
    }

    static let conditions: [(Headers, FileSelection)] = [
        (["If-None-Match": "\"v1\""], .notModified), (["If-None-Match": "W/\"v1\""], .notModified),
        (["If-None-Match": "\"x\", \"v1\""], .notModified), (["If-None-Match": "*"], .notModified),
        (["If-None-Match": "\"x\""], .whole), (["If-None-Match": "v1"], .whole),
        (["If-None-Match": "\"a,\"v1\""], .whole),
        (["If-Match": "\"v1\""], .whole), (["If-Match": "W/\"v1\""], .preconditionFailed),
        (["If-Match": "\"x\""], .preconditionFailed),
        (["If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"], .notModified),
        (["If-Modified-Since": "Sun, 06 Nov 1994 08:49:36 GMT"], .whole), (["If-Modified-Since": "yesterday"], .whole),
        (["If-None-Match": "\"x\"", "If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"], .whole),
        (["If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:36 GMT"], .preconditionFailed),
        (["If-Unmodified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"], .whole),
        (["Range": "bytes=0-0", "If-Range": "\"v1\""], .part(offset: 0, length: 1)),
        (["Range": "bytes=0-0", "If-Range": "W/\"v1\""], .whole),
        (["Range": "bytes=0-0", "If-Range": "\"x\""], .whole),
        (["Range": "bytes=0-0", "If-Range": "Sun, 06 Nov 1994 08:49:37 GMT"], .part(offset: 0, length: 1)),
        (["Range": "bytes=0-0", "If-Range": "Sun, 06 Nov 1994 08:49:38 GMT"], .whole),
    ]

    @Test(arguments: conditions)
    func `weighs conditions in the order of RFC 9110`(headers: Headers, expected: FileSelection) {
        #expect(FileSelection(HTTPRequest(.get, "/", headers: headers), of: Self.file) == expected)
    }

    @Test func `makes the answer`() {
        let part = FileSelection.part(offset: 10, length: 5).response(path: "/f", of: Self.file)
        #expect(part.status == 206)
        #expect(part.headers["Content-Range"] == "bytes 10-14/1000")
        #expect(part.headers["ETag"] == "\"v1\"")
        let none = FileSelection.unsatisfiable.response(path: "/f", of: Self.file)
        #expect(none.status == 416)
        #expect(none.headers["Content-Range"] == "bytes */1000")
        guard case .none = none.body else {
            Issue.record("a 416 has no file")
            return
        }
    }
}
