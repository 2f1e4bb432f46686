import Foundation
import HTTP
import HTTPServer
import Testing

@Suite struct `TLS` {
    /// Makes a self-signed certificate for localhost with this name in it.
    private func makeCertificate(in directory: TemporaryDirectory, name: String) throws {
        _ = try shell(
            """
            cd \(directory.path) && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
            -subj /CN=\(name) -addext subjectAltName=DNS:localhost -keyout \(name).key -out \(name).pem 2>/dev/null \
            && cp \(name).pem live.pem && cp \(name).key live.key
            """)
    }

    private func withTLS(
        _ handler: TestHandler = .echo, coresElsewhere: Int = 0,
        body: (HTTPServer, UInt16, TemporaryDirectory) throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        try makeCertificate(in: directory, name: "first")
        try await withServer(
            handler, loops: 2,
            {
                $0.listeners[0].usesTLS = true
                $0.coresElsewhere = { coresElsewhere }
                $0.tls = .init(certificatePath: directory.path + "/live.pem", keyPath: directory.path + "/live.key")
            }
        ) { try body($0, $1, directory) }
    }

    @Test func `carries requests like plain text does`() async throws {
        try await withTLS { server, port, directory in
            let curl = "curl -sS --fail --max-time 20 --cacert \(directory.path)/first.pem"
            let text = { String(decoding: try shell($0), as: UTF8.self) }
            #expect(try text("\(curl) https://localhost:\(port)/a https://localhost:\(port)/b") == "GET /a GET /b ")
            #expect(try text("\(curl) -o /dev/null -w '%{http_version}' https://localhost:\(port)/") == "1.1")
            // Large bodies, both ways.
            let big = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7919 >> 5) }
            try Data(big).write(to: URL(fileURLWithPath: directory.path + "/big"))
            let echoed = try shell(
                "\(curl) -H 'Expect:' --data-binary @\(directory.path)/big https://localhost:\(port)/e")
            #expect(echoed == Array("POST /e ".utf8) + big)
            #expect(server.metrics.tlsFailures == 0)
        }
    }

    @Test func `carries files through its own buffer`() async throws {
        let file = try TemporaryDirectory()
        let content = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        try Data(content).write(to: URL(fileURLWithPath: file.path + "/f"))
        let path = file.path + "/f"
        let handler = TestHandler { request, _ in
            let version = FileSelection.Version(size: 5_000_000, etag: "\"v\"")
            return FileSelection(request, of: version).response(path: path, of: version)
        }
        try await withTLS(handler) { _, port, directory in
            let curl = "curl -sS --fail --max-time 20 --cacert \(directory.path)/first.pem"
            let whole = try shell("\(curl) https://localhost:\(port)/f")
            #expect(whole == content)
            let part = try shell("\(curl) -r 10-19 https://localhost:\(port)/f")
            #expect(part == Array(content[10..<20]))
        }
    }

    @Test func `goes on when its connection moves to another loop`() async throws {
        try await withTLS(coresElsewhere: 1) { _, port, directory in
            // Half of them, by the kernel's choice, come in at the loop that is to have none.
            for _ in 0..<8 {
                let answer = try shell(
                    """
                    curl -sS --fail --max-time 20 --cacert \(directory.path)/first.pem -w '%{num_connects} ' \
                    'https://localhost:\(port)/[1-40]'
                    """)
                let expected = (1...40).map { "GET /\($0) \($0 == 1 ? 1 : 0) " }.joined()
                #expect(String(decoding: answer, as: UTF8.self) == expected)
            }
        }
    }

    @Test func `is 1.2 at least, and speaks http/1.1 only`() async throws {
        try await withTLS { server, port, directory in
            let connect =
                "openssl s_client -connect localhost:\(port) -CAfile \(directory.path)/first.pem </dev/null 2>&1"
            let text = { String(decoding: try shell($0), as: UTF8.self) }
            #expect(
                try text("\(connect.replacing("s_client", with: "s_client -tls1_2"))").contains("Protocol  : TLSv1.2"))
            #expect(
                try text("\(connect.replacing("s_client", with: "s_client -alpn h2,http/1.1"))").contains(
                    "ALPN protocol: http/1.1"))
            #expect(
                try text("\(connect.replacing("s_client", with: "s_client -tls1_1")) || true").contains(
                    "Cipher is (NONE)"))
            #expect(
                try text("\(connect.replacing("s_client", with: "s_client -alpn h2")) || true").contains(
                    "no application protocol"))
            // Plain text on a TLS port ends the connection, and nothing else.
            let plain = try RawClient(port: port)
            plain.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try? plain.receiveAll()
            while server.metrics.tlsFailures < 3 { sched_yield() }
        }
    }

    @Test func `takes a new certificate while it serves, and keeps the old one if the new is bad`() async throws {
        try await withTLS { server, port, directory in
            let subject = {
                String(
                    decoding: try shell(
                        "openssl s_client -connect localhost:\(port) </dev/null 2>/dev/null | openssl x509 -noout -subject"
                    ),
                    as: UTF8.self)
            }
            #expect(try subject().contains("first"))
            try makeCertificate(in: directory, name: "second")
            try server.reloadTLS()
            #expect(try subject().contains("second"))
            _ = try shell("echo rubbish > \(directory.path)/live.pem")
            #expect(throws: ServerError.self) { try server.reloadTLS() }
            #expect(try subject().contains("second"))
        }
    }

    @Test func `refuses to start without a certificate it can use`() throws {
        var configuration = ServerConfiguration(.tcp(NetworkAddress(v4: 0x7f00_0001)))
        configuration.listeners[0].usesTLS = true
        #expect(throws: ServerError.self) {
            try HTTPServer(configuration: configuration, handler: TestHandler.echo).start()
        }
        configuration.tls = .init(certificatePath: "/nowhere.pem", keyPath: "/nowhere.key")
        #expect {
            try HTTPServer(configuration: configuration, handler: TestHandler.echo).start()
        } throws: {
            "\($0)".contains("/nowhere.pem")
        }
    }
}
