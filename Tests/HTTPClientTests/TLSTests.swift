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
}

/// `openssl s_server -www` on a free port, with a self-signed certificate.
private final class TLSServer {
    let port: UInt16
    let certificate: String
    private let directory: String
    private let process: Program

    init(names: String, isExpired: Bool = false) throws {
        directory = NSTemporaryDirectory() + "tls-\(UUID())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        certificate = directory + "/certificate.pem"
        let key = directory + "/key.pem"
        try Program(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test -days 2 "
                + "-addext subjectAltName=\(names) -keyout \(key) -out \(certificate).new"
        ).finish()
        try Program(
            "openssl x509 -in \(certificate).new -signkey \(key) -days \(isExpired ? -1 : 2) -out \(certificate)"
        ).finish()
        process = try Program("openssl s_server -accept 127.0.0.1:0 -cert \(certificate) -key \(key) -www")
        var line = ""
        while !line.hasPrefix("ACCEPT") { line = try #require(process.line(), "openssl s_server did not start") }
        port = try #require(line.split(separator: ":").last.flatMap { UInt16($0) })
    }

    func get(trusting bundle: String?) async throws -> CallOutcome {
        let policy = CallPolicy.make { $0.trust = bundle.map { .bundle(path: $0) } ?? .system }
        return try await HTTPClient().send(OutgoingRequest(.get, "https://127.0.0.1:\(port)/"), policy: policy)
    }

    deinit {
        process.stop()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
