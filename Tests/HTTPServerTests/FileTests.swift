import Foundation
import HTTP
import HTTPServer
import Testing

@Suite struct `A file answer` {
    /// Serves one file of `content` under every path.
    private func withFile<R: Sendable>(
        _ content: [UInt8], _ change: (inout ServerConfiguration) -> Void = { _ in },
        body: (URL, HTTPServer, UInt16) async throws -> R
    ) async throws -> R {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("served-\(UUID())")
        try Data(content).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let path = file.path
        let handler = TestHandler { request, _ in
            let version = FileSelection.Version(size: Int64(content.count), etag: "\"v1\"")
            return FileSelection(request, of: version).response(path: path, of: version)
        }
        return try await withServer(handler, change) { try await body(file, $0, $1) }
    }

    private let content = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 5) }

    @Test func `comes whole, in parts, or not at all`() async throws {
        try await withFile(content) { _, _, port in
            let client = try RawClient(port: port)
            let get = { (fields: String) in try client.roundTrip("GET /f HTTP/1.1\r\nHost: x\r\n\(fields)\r\n") }
            let whole = try get("")
            #expect(whole.status == 200)
            #expect(whole.body == content)
            #expect(whole["Accept-Ranges"] == "bytes")
            let part = try get("Range: bytes=1000-1999\r\n")
            #expect(part.status == 206)
            #expect(part.body == Array(content[1000..<2000]))
            #expect(part["Content-Range"] == "bytes 1000-1999/3000000")
            #expect(try get("Range: bytes=-1\r\n").body == [content[2_999_999]])
            let none = try get("Range: bytes=3000000-\r\n")
            #expect(none.status == 416)
            #expect(none.body.isEmpty)
            #expect(try get("If-None-Match: \"v1\"\r\n").status == 304)
            #expect(try get("Range: bytes=0-0\r\nIf-Range: \"old\"\r\n").body.count == 3_000_000)
            let head = try client.roundTrip("HEAD /f HTTP/1.1\r\nHost: x\r\n\r\n", toHead: true)
            #expect(head["Content-Length"] == "3000000")
            #expect(try get("Range: bytes=0-0\r\n").body == [content[0]])
        }
    }

    @Test func `is followed by the answers to requests sent ahead`() async throws {
        try await withFile(content) { _, _, port in
            let client = try RawClient(port: port, receiveBuffer: 4096)
            client.send(String(repeating: "GET /f HTTP/1.1\r\nHost: x\r\n\r\n", count: 4))
            for _ in 0..<4 { #expect(try client.response().body == content) }
        }
    }

    @Test func `to a file that has vanished is 404, not a broken promise`() async throws {
        try await withFile(content) { file, _, port in
            try FileManager.default.removeItem(at: file)
            let client = try RawClient(port: port)
            #expect(try client.roundTrip("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").status == 404)
            try Data([1, 2, 3]).write(to: file)
            #expect(try client.roundTrip("GET /f HTTP/1.1\r\nHost: x\r\n\r\n").status == 404)
        }
    }

    @Test func `to a reader that takes nothing is ended`() async throws {
        try await withFile(content, { $0.limits.writeStallSeconds = 0.3 }) { _, server, port in
            let client = try RawClient(port: port, receiveBuffer: 4096)
            client.send(String(repeating: "GET /f HTTP/1.1\r\nHost: x\r\n\r\n", count: 10))
            while server.metrics.connectionsOpen > 0 || server.metrics.timeouts == 0 { await Task.yield() }
            #expect(server.metrics.timeouts == 1)
        }
    }
}
