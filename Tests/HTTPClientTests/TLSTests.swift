import Foundation
import HTTP
import HTTPClient
import Testing

/// TLS against OpenSSL's own server, with certificates made for the test.
@Suite struct TLSTests {
    @Test func `a certificate from the trusted authority is accepted`() async throws {
        let server = try TLSServer(names: "DNS:good.example,IP:127.0.0.1")
        let answer = try await server.get(trusting: server.certificate).get()
        #expect(answer.reply.status == .ok)
        #expect(answer.timings.secured > answer.timings.connected)
    }

    @Test func `a certificate nobody vouches for is refused before the request goes out`() async throws {
        let server = try TLSServer(names: "IP:127.0.0.1")
        let failure = try #require(await server.get(trusting: nil).failure)
        #expect(failure.kind == .tls)
        #expect(failure.phase == .connecting)
        #expect(failure.isUnsent)
    }

    @Test func `a certificate for another host is refused`() async throws {
        let server = try TLSServer(names: "DNS:other.example")
        let failure = try #require(await server.get(trusting: server.certificate).failure)
        #expect(failure.kind == .tls)
        #expect(failure.isUnsent)
    }

    @Test func `an expired certificate is refused`() async throws {
        let server = try TLSServer(names: "IP:127.0.0.1", isExpired: true)
        let failure = try #require(await server.get(trusting: server.certificate).failure)
        #expect(failure.kind == .tls)
        #expect(failure.diagnosis.contains("expired"))
    }

    @Test func `a bundle that cannot be read is refused, not ignored`() async throws {
        let server = try TLSServer(names: "IP:127.0.0.1")
        let failure = try #require(await server.get(trusting: "/nonexistent/bundle.pem").failure)
        #expect(failure.kind == .tls)
    }

    @Test func `plain HTTP spoken to a TLS port, and TLS to a plain one, are failures`() async throws {
        let plain = try FaultServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        let request = OutgoingRequest(.get, "https://127.0.0.1:\(plain.port)/")
        let failure = try #require(
            await HTTPClient().send(request, policy: .make { $0.connectTimeout = .seconds(2) }).failure)
        #expect(failure.isUnsent)
        #expect(failure.kind == .tls || failure.kind == .timeout)
    }

    @Test func `calls to one host share an HTTP/2 connection, and each is judged`() async throws {
        let server = try HTTP2Server()
        let client = try HTTPClient()
        let policy = CallPolicy.make { $0.trust = .bundle(path: server.certificate) }
        let request = OutgoingRequest(.get, "https://127.0.0.1:\(server.port)/")
        await withTaskGroup(of: CallOutcome.self) { group in
            for _ in 0..<50 { group.addTask { await client.send(request, policy: policy) } }
            for await outcome in group { #expect(outcome.answer?.reply.text == "two") }
        }
        #expect(client.metrics.openedConnections == 1)
        var denying = policy
        denying.egress.denied = ranges("127.0.0.0/8")
        #expect(await client.send(request, policy: denying).failure?.kind == .blockedAddress)
        var plain = policy
        plain.offersHTTP2 = false
        #expect(try await client.send(request, policy: plain).get().reply.text == "one")
        let missing = OutgoingRequest(.get, "https://127.0.0.1:\(server.port)/missing", headers: ["X-One": "1"])
        #expect(try await client.send(missing, policy: policy).get().reply.status == .notFound)
        #expect(client.metrics.openedConnections == 2)
    }

    @Test func `a server without HTTP/2 is asked over as many connections as there are calls`() async throws {
        let certificate = try Certificate(names: "IP:127.0.0.1")
        let server = try Program("python3 -u -c '\(Self.slowServer)' \(certificate.path) \(certificate.key)")
        let port = try #require(server.line())
        let client = try HTTPClient()
        let policy = CallPolicy.make {
            $0.trust = .bundle(path: certificate.path)
            $0.totalTimeout = .seconds(600)  // a busy machine must not end the call that is held
        }
        let slow = client.start(OutgoingRequest(.get, "https://127.0.0.1:\(port)/hold"), policy: policy) { outcome in
            #expect(outcome.failure?.kind == .canceled)
        }
        let quick = OutgoingRequest(.get, "https://127.0.0.1:\(port)/")
        #expect(try await client.send(quick, policy: policy).get().reply.text == "quick")
        #expect(client.metrics.inFlight == 1)
        slow.cancel()
        await client.drain()
        server.stop()
    }

    private static let slowServer = """
        import http.server, ssl, sys, threading
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_GET(self):
                if self.path == "/hold": threading.Event().wait()
                self.send_response(200)
                self.send_header("Content-Length", "5")
                self.end_headers()
                self.wfile.write(b"quick")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print(server.server_port)
        server.serve_forever()
        """
}

/// A self-signed certificate and its key, deleted with their owner.
private final class Certificate {
    let path: String
    let key: String
    let directory: String

    init(names: String, isExpired: Bool = false) throws {
        directory = NSTemporaryDirectory() + "tls-\(UUID())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        path = directory + "/certificate.pem"
        key = directory + "/key.pem"
        try Program(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test -days 2 "
                + "-addext subjectAltName=\(names) -keyout \(key) -out \(path).new"
        ).finish()
        try Program("openssl x509 -in \(path).new -signkey \(key) -days \(isExpired ? -1 : 2) -out \(path)").finish()
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }
}

/// `openssl s_server -www` on a free port.
private final class TLSServer {
    let port: UInt16
    let certificate: String
    private let files: Certificate
    private let process: Program

    init(names: String, isExpired: Bool = false) throws {
        files = try Certificate(names: names, isExpired: isExpired)
        certificate = files.path
        process = try Program("openssl s_server -accept 127.0.0.1:0 -cert \(files.path) -key \(files.key) -www")
        var line = ""
        while !line.hasPrefix("ACCEPT") { line = try #require(process.line(), "openssl s_server did not start") }
        port = try #require(line.split(separator: ":").last.flatMap { UInt16($0) })
    }

    func get(trusting bundle: String?) async throws -> CallOutcome {
        let policy = CallPolicy.make { $0.trust = bundle.map { .bundle(path: $0) } ?? .system }
        return try await HTTPClient().send(OutgoingRequest(.get, "https://127.0.0.1:\(port)/"), policy: policy)
    }

    deinit { process.stop() }
}

/// nginx with HTTP/2, telling in the body which version it was asked by.
private final class HTTP2Server {
    let port: UInt16
    let certificate: String
    private let files: Certificate
    private let process: Program

    init() throws {
        files = try Certificate(names: "IP:127.0.0.1")
        certificate = files.path
        // A port that was free a moment ago: nginx cannot choose one itself.
        let probe = try FaultServer(silentAt: "127.0.0.1")
        port = probe.port
        probe.stop()
        let configuration = """
            daemon off; master_process off; pid \(files.directory)/pid; error_log stderr;
            events { }
            http {
              access_log off; server_tokens off;
              client_body_temp_path \(files.directory)/a; proxy_temp_path \(files.directory)/b;
              fastcgi_temp_path \(files.directory)/c; uwsgi_temp_path \(files.directory)/d; scgi_temp_path \(files.directory)/e;
              map $http2 $version { "" "one"; default "two"; }
              server {
                listen 127.0.0.1:\(port) ssl http2;
                ssl_certificate \(files.path); ssl_certificate_key \(files.key);
                location = / { return 200 $version; }
                location / { return 404; }
              }
            }
            """
        let path = files.directory + "/nginx.conf"
        try configuration.write(toFile: path, atomically: true, encoding: .utf8)
        process = try Program("nginx -c \(path) -p \(files.directory)")
        while !FileManager.default.fileExists(atPath: files.directory + "/pid") { usleep(1000) }
    }

    deinit { process.stop() }
}
