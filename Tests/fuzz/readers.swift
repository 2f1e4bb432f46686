// Fuzzes what reads the answers of providers: libFuzzer calls LLVMFuzzerTestOneInput with bytes it makes up; the
// sanitizers watch. Built by Tests/fuzz/readers.sh.
import Domain
import HTTP
import JSON
import Providers

/// Turns up in seeds and in the dictionary; never in what a reader keeps.
private let key = "key-that-nobody-may-see-again"
private let token = "0b9f6c1e-53d4-4c6f-9a57-9d1f3c0e7a42"
private let providers = Provider.all
private let settings = providers.map { ProviderSettings(baseURL: $0.baseURL, key: Secret(key)) }
private let headerSets: [Headers] = [
    ["Content-Type": "application/json"],
    ["Content-Type": "text/plain", "Retry-After": "17"],
    ["Content-Type": "application/json", "Retry-After": "Sat, 21 Nov 2026 06:00:00 GMT", "Date": "junk"],
    ["Content-Type": "application/json", "X-Fal-Error-Type": "runner_server_error", "Location": "//elsewhere"],
]

/// An input is a byte that picks the provider, one for the headers, one for the status, and the body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzReaders(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count >= 3 else { return 0 }
    let input = UnsafeBufferPointer(start: start, count: count)
    let index = Int(input[0]) % providers.count
    // Most answers are 200; some have any other status there is.
    let status = input[2] < 128 ? 200 : 100 + (Int(input[2]) - 128) * 4
    let reply = HTTPReply(
        HTTPStatus(status), headers: headerSets[Int(input[1]) % headerSets.count], body: Array(input[3...]))
    read(reply, providers[index], settings[index])
    return 0
}

private func read(_ reply: HTTPReply, _ provider: Provider, _ settings: ProviderSettings) {
    let job = UpstreamJob(
        parameters: Parameters(), seed: 7, picture: .url("https://example.com/a.png?signature=\(key)"), token: token)
    switch provider.readSubmission(reply, job, settings) {
    case .accepted(let handle, _):
        precondition(reply.status.isSuccess || reply.status.code == 409 || provider.id == "runware")
        let look = provider.look(handle, settings)
        precondition(look.url.hasPrefix(settings.baseURL + "/"), "its id leads elsewhere: \(look.url)")
        precondition(look.url.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
        if let cancel = provider.cancellation(handle, settings) {
            precondition(cancel.url.hasPrefix(settings.baseURL + "/"))
        }
    case .done(_, let result): check(result)
    case .refused(let fault), .unknown(let fault): check(fault)
    }
    let handle = UpstreamHandle(id: token, addresses: ["status_url": "https://elsewhere.example/"])
    for age in [Duration.zero, .seconds(3600)] {
        check(provider.readLook(reply, handle, age: age, settings), settings)
        check(provider.readResult(reply, handle, age: age, settings), settings)
    }
    if case .unclear(let fault) = provider.readReconciliation(reply, job, settings) { check(fault) }
    switch provider.readBalance(reply, settings) {
    case .success(let balance): precondition(balance.amount.utf8.count <= 40)
    case .failure(let fault): check(fault)
    }
    if let hint = provider.readCallback(reply.headers, reply.body, settings) {
        precondition((hint.upstreamID ?? "").utf8.count <= 200)
    }
    for known in provider.callbackProof?.readKeys(reply) ?? [] { precondition(known.count == 32) }
    // A callback's headers are a stranger's as well.
    if let proof = provider.callbackProof {
        var headers: Headers = [:]
        let lines = reply.text.split(separator: "\n", omittingEmptySubsequences: false).prefix(4)
        for (name, value) in zip(["Request-Id", "User-Id", "Timestamp", "Signature"], lines) {
            try? headers.add("X-Fal-Webhook-\(name)", from: String(value))
        }
        let holds = proof.holds(
            headers, reply.body, keys: [[1]], secondsSince1970: 1_760_000_000, sha256: { _ in [1, 2] },
            verify: { signature, _, _ in
                precondition(signature.count == 64)
                return false
            })
        precondition(!holds)
    }
}

private func check(_ answer: LookAnswer, _ settings: ProviderSettings) {
    switch answer {
    case .waiting(let position, let status):
        precondition(status.count <= 40 && (position ?? 0) >= 0)
    case .running(let percent, let status):
        precondition(status.count <= 40 && (0...99).contains(percent ?? 0))
    case .fetch(let request): precondition(request.url.hasPrefix(settings.baseURL + "/"))
    case .done(let result): check(result)
    case .failed(let fault), .noNews(let fault), .gone(let fault): check(fault)
    }
}

private func check(_ result: UpstreamResult) {
    switch result.model {
    case .bytes(let bytes): precondition(bytes.starts(with: "glTF".utf8))
    case .url(let url):
        precondition(url.utf8.count <= 8192 + 100 && url.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f })
        let lower = url.lowercased()
        precondition(lower.hasPrefix("http://") || lower.hasPrefix("https://") || lower.hasPrefix("sandbox://"))
    }
    precondition((result.costMicrodollars ?? 0) >= 0)
}

/// What is kept of a failure: short, and without our key.
private func check(_ fault: Fault) {
    precondition(!fault.message.isEmpty && fault.message.utf8.count <= 500 * 3, "\(fault.message.utf8.count)")
    precondition((fault.excerpt ?? "").utf8.count <= 2048 * 3)
    for text in [fault.message, fault.excerpt ?? ""] {
        precondition(!text.contains(key), "the key is shown: \(text)")
        precondition(!text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7f })
    }
    if let wait = fault.retryAfter { precondition(wait >= .zero && wait <= .seconds(3600)) }
}
