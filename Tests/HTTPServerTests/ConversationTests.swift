import HTTP
import HTTPServer
import Synchronization
import Testing

@Suite struct `A conversation` {
    @Test func `is kept alive over several requests`() async throws {
        try await withServer { _, port in
            let client = try RawClient(port: port)
            for index in 0..<5 {
                let answer = try client.roundTrip("GET /a\(index) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(answer.status == 200)
                #expect(answer.text == "GET /a\(index) ")
                #expect(answer["Connection"] == nil)
            }
        }
    }

    @Test func `carries a body of known length and one in chunks`() async throws {
        try await withServer { _, port in
            let client = try RawClient(port: port)
            #expect(
                try client.roundTrip("POST /e HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello").text
                    == "POST /e hello")
            #expect(
                try client.roundTrip(
                    "POST /e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nT: v\r\n\r\n"
                ).text == "POST /e hello")
        }
    }
}
