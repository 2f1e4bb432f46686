import COpenSSL
import Domain
import HTTP
import Providers
import Simulation
import Testing

/// fal's signature, on a vector of RFC 8032's test key 1, and on what the simulator signs.
@Suite struct FalSignatureTests {
    private static let body = Array(
        ("{\"request_id\":\"req-1\",\"gateway_request_id\":\"gw-1\",\"status\":\"OK\","
            + "\"payload\":{\"model_glb\":{\"url\":\"https://example.com/m.glb\"}}}").utf8)
    private static let headers: Headers = [
        "X-Fal-Webhook-Request-Id": "req-1", "X-Fal-Webhook-User-Id": "user-1",
        "X-Fal-Webhook-Timestamp": "1760000000",
        "X-Fal-Webhook-Signature": "bba1691dc3c4b849df9653cacbae5545ca53e37b9843d314711bd8f3534ca585"
            + "6fcdafd1bfea208383eef683136f391cdcda5df09d506e8027d1aedb41bd6f0f",
    ]
    private static let jwks = HTTPReply(
        .ok,
        body: Array(
            "{\"keys\":[{\"kty\":\"RSA\"},{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"
                .utf8))

    private func sha256(_ bytes: [UInt8]) -> [UInt8] {
        var hash = [UInt8](repeating: 0, count: 32)
        SHA256(bytes, bytes.count, &hash)
        return hash
    }

    private func verify(_ signature: [UInt8], _ message: [UInt8], _ key: [UInt8]) -> Bool {
        guard let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, key, key.count) else { return false }
        defer { EVP_PKEY_free(key) }
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        return EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }

    private func holds(_ headers: Headers, _ body: [UInt8], now: Int64 = 1_760_000_100) throws -> Bool {
        let proof = try #require(Provider["fal"]?.callbackProof)
        return proof.holds(
            headers, body, keys: proof.readKeys(Self.jwks), secondsSince1970: now, sha256: sha256, verify: verify)
    }

    @Test func `a true signature holds`() throws {
        #expect(try holds(Self.headers, Self.body))
        let fal = try #require(Provider["fal"])
        #expect(fal.readCallback(Self.headers, Self.body, fal.testSettings) == CallbackHint(upstreamID: "req-1"))
    }

    @Test func `anything else does not`() throws {
        var body = Self.body
        body[10] ^= 1
        #expect(try !holds(Self.headers, body))
        #expect(try !holds(Self.headers, Self.body, now: 1_760_000_301))
        #expect(try !holds(Self.headers, Self.body, now: 1_759_999_699))
        for (name, value) in [
            ("X-Fal-Webhook-Request-Id", "req-2"), ("X-Fal-Webhook-User-Id", "user-2"),
            ("X-Fal-Webhook-Timestamp", "1760000001"), ("X-Fal-Webhook-Timestamp", "soon"),
            ("X-Fal-Webhook-Signature", "00"), ("X-Fal-Webhook-Signature", String(repeating: "0", count: 128)),
        ] {
            var headers = Self.headers
            headers.set(name, value)
            #expect(try !holds(headers, Self.body), "\(name) \(value)")
        }
        for header in Self.headers {
            var headers = Self.headers
            headers.remove(header.name)
            #expect(try !holds(headers, Self.body), "\(header.name)")
        }
    }

    @Test func `keys that are none are left out`() throws {
        let proof = try #require(Provider["fal"]?.callbackProof)
        #expect(proof.readKeys(Self.jwks).count == 1)
        for text in ["", "{}", "{\"keys\":{}}", "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}"] {
            #expect(proof.readKeys(HTTPReply(.ok, body: Array(text.utf8))).isEmpty)
        }
        #expect(proof.readKeys(HTTPReply(502, body: Self.jwks.body)).isEmpty)
    }

    @Test func `the simulator signs as fal does`() throws {
        let signer = try #require(WebhookSigner(seed: WebhookSigner.testKey))
        #expect(signer.publicKey == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
        #expect(
            signer.sign(request: "req-1", user: "user-1", timestamp: "1760000000", body: Self.body)
                == Self.headers["X-Fal-Webhook-Signature"])
    }
}
