// Fuzzes the HTTP parser: libFuzzer calls LLVMFuzzerTestOneInput with bytes it makes up; the sanitizers watch.
// Built by Tests/fuzz/http.sh together with the sources of HTTP and of the parser, as one module.

/// One input is read twice, whole and in pieces cut where its own bytes say: the outcome must be the same. A head
/// is followed by its body, and that by the next head, as on a connection.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTP(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: start, count: count)
    let whole = read(input, pieces: [count])
    var pieces: [Int] = []
    var offset = 0
    while offset < count {
        let step = 1 + Int(input[offset]) % 23
        offset = min(count, offset + step)
        pieces.append(offset)
    }
    let split = read(input, pieces: pieces)
    guard whole == split else { fatalError("whole: \(whole)\nsplit: \(split)") }
    return 0
}

/// What a connection would make of `input`, of which it sees only so much at each of `pieces`.
private func read(_ input: UnsafeBufferPointer<UInt8>, pieces: [Int]) -> [String] {
    var limits = ServerLimits()
    limits.requestLineBytes = 200
    limits.headerBytes = 400
    limits.headerCount = 8
    limits.chunkExtensionBytes = 40
    limits.trailerBytes = 60
    var story: [String] = []
    var parser = RequestParser()
    var request = HTTPRequest()
    var decoder: ChunkedDecoder?
    var remaining = 0
    var body: [UInt8] = []
    var position = 0
    for end in pieces {
        var goesOn = true
        while goesOn, position < end {
            let seen = UnsafeBufferPointer(rebasing: input[position..<end])
            if var chunked = decoder {
                switch chunked.next(seen, at: 0, limits: limits) {
                case .needMore:
                    position = end
                    decoder = chunked
                case .content(let range):
                    precondition(!range.isEmpty || seen.isEmpty)
                    body += seen[range]
                    position += range.upperBound
                    decoder = chunked
                case .end(let length):
                    position += length
                    decoder = nil
                    story.append("body \(body)")
                case .refused(let refusal): return story + ["\(refusal.code) \(refusal.message)"]
                }
                continue
            }
            if remaining > 0 {
                let length = min(remaining, seen.count)
                remaining -= length
                position += length
                continue
            }
            switch parser.parse(seen, limits: limits, into: &request) {
            case .needMore: goesOn = false
            case .refused(let refusal): return story + ["\(refusal.code) \(refusal.message)"]
            case .head(let length):
                precondition(length > 0 && length <= seen.count)
                position += length
                check(request)
                story.append("\(request.method) \(request.target) \(Array(request.headers)) \(parser.framing)")
                body = []
                switch parser.framing.body {
                case .none: break
                case .length(let length): remaining = length
                case .chunked: decoder = ChunkedDecoder()
                }
            }
        }
    }
    return story
}

/// What every accepted head keeps to, and what handlers do with it must not fail.
private func check(_ request: HTTPRequest) {
    // An absolute target brings the Host that the head may have left out (RFC 9112 §3.2.2).
    precondition(request.headers.count <= 9)
    precondition(request.version == .http10 || request.headers.all("Host").count == 1)
    precondition(request.headers.all("Content-Length").count <= 1)
    precondition(!(request.headers.contains("Content-Length") && request.headers.contains("Transfer-Encoding")))
    for (name, value) in request.headers {
        precondition(!name.isEmpty && !name.utf8.contains { $0 <= 0x20 || $0 == 0x7f || $0 == UInt8(ascii: ":") })
        precondition(!value.utf8.contains { $0 == 0 || $0 == 13 || $0 == 10 })
    }
    _ = request.target.queryItems
    _ = PercentCoding.decode(request.path)
    _ = FileSelection(request, of: .init(size: 100, etag: "\"a\"", modified: 0))
    _ = ForwardedClient(request) { $0.isV4 }
    _ = ListenAddress(request.headers["Host"] ?? "")
}
