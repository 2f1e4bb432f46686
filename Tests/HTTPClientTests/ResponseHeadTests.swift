import HTTP
import Testing

@testable import HTTPClient

@Suite struct ResponseHeadTests {
    private func head(_ lines: String..., limit: Int = 1000) -> (head: ResponseHead, isTaken: Bool) {
        var head = ResponseHead()
        for line in lines {
            let isTaken = Array(line.utf8).withUnsafeBytes { head.take($0, limit: limit) }
            if !isTaken { return (head, false) }
        }
        return (head, true)
    }

    @Test func `a head is complete with its empty line`() {
        #expect(!head("HTTP/1.1 200 OK\r\n", "A: b\r\n").head.isComplete)
        let whole = head("HTTP/1.1 200 OK\r\n", "A: b\r\n", "\r\n").head
        #expect(whole.isComplete)
        #expect(whole.status == 200)
        #expect(whole.headers() == ["A": "b"])
        #expect(head("HTTP/2 204 \r\n", "\r\n").head.status == 204)
        #expect(head("HTTP/1.1 200\n", "A:b\n", "\n").head.headers() == ["A": "b"])
    }

    @Test func `an interim head gives way to the next, a trailer does not`() {
        let head = head(
            "HTTP/1.1 100 Continue\r\n", "X: 1\r\n", "\r\n", "HTTP/1.1 201 Created\r\n", "A: b\r\n", "\r\n",
            "T: late\r\n")
        #expect(head.head.status == 201)
        #expect(head.head.isComplete)
        #expect(head.head.headers() == ["A": "b"])
    }

    @Test func `an interim head alone is no answer`() {
        let only = head("HTTP/1.1 103 Early Hints\r\n", "\r\n", "HTTP/1.1 200 OK\r\n").head
        #expect(!only.isComplete)
        #expect(only.status == 200)
    }

    @Test func `values are trimmed, folds joined, nonsense left out`() {
        let odd = head(
            "HTTP/1.1 200 OK\r\n", "A:\t b \t\r\n", "Folded: one\r\n", "\t two\r\n", "no colon\r\n", "bad name: x\r\n",
            ": y\r\n", "Empty:\r\n", "Control: \u{1}\r\n", "HTTP/1.1 500 Fake\r\n", "\r\n"
        ).head
        #expect(odd.headers()["A"] == "b")
        #expect(odd.headers()["Folded"]?.split { $0 == " " || $0 == "\t" } == ["one", "two"])
        #expect(odd.headers()["Empty"] == "")
        #expect(odd.headers().count == 3)
        #expect(odd.status == 200)
    }

    @Test func `all lines together are limited, those of interim heads too`() {
        #expect(!head("HTTP/1.1 200 OK\r\n", String(repeating: "x", count: 990), limit: 1000).isTaken)
        #expect(!head("HTTP/1.1 103 Hi\r\n", "\r\n", "HTTP/1.1 103 Hi\r\n", "\r\n", limit: 30).isTaken)
    }
}
