import Corpus
import Domain
import HTTP
import JSON
import Providers
import Testing

/// Whatever an upstream answers, a reader gives a typed fault and nothing worse.
@Suite struct HostileTests {
    /// Bodies that no provider should send, and some do.
    static let bodies: [[UInt8]] = {
        var bodies: [[UInt8]] = [
            [], [0], [0xff, 0xfe], Array("null".utf8), Array("[]".utf8), Array("{}".utf8), Array("\"text\"".utf8),
            Array("0".utf8), Array("1e999".utf8), Array("-0".utf8), Array("true".utf8), Array("[[[[".utf8),
            [UInt8](repeating: UInt8(ascii: "["), count: 300_000),
            Array("{\"a\":".utf8) + [UInt8](repeating: UInt8(ascii: "["), count: 40_000),
            Array(String(repeating: "{\"status\":", count: 5000).utf8),
            Array("<html><body>502 Bad Gateway</body></html>".utf8), [UInt8](repeating: 0x20, count: 2 << 20),
            Array("{\"status\":\"\(String(repeating: "A", count: 1 << 19))\"}".utf8),
            Array("{\"detail\":[\(Array(repeating: "[{}]", count: 30_000).joined(separator: ","))]}".utf8),
            Array("{\"status\":\"FINISHED\",\"status\":\"FAILED\"}".utf8), Array("{\"status\":\"\\ud800\"}".utf8),
        ]
        for word in ["COMPLETED", "FINISHED", "success", "completed", "finished", "FAILED", "ERROR", "failed", "\u{0}"]
        {
            for rest in [
                "", ",\"results\":{}", ",\"results\":[null]", ",\"results\":[{\"asset\":1}]", ",\"output\":[]",
                ",\"output\":{\"media_url\":[1,null,{}]}", ",\"result\":[]", ",\"result\":{\"data\":[[]]}",
                ",\"error\":{\"message\":{}}", ",\"error\":[[]]", ",\"progress\":1e400", ",\"progress\":\"NaN\"",
                ",\"progress\":-1", ",\"queue_position\":-5", ",\"queue_position\":9223372036854775807",
                ",\"model_url\":\"javascript:alert(1)\"", ",\"response_url\":\"file:///etc/passwd\"",
                ",\"results\":[{\"asset\":\"http://a/\\r\\nX: y\"}]",
                ",\"result\":{\"data\":[{\"b64_json\":\"AAAA\"}]}",
            ] {
                let status = JSONValue.string(word)
                bodies.append(Array("{\"status\":\(status)\(rest)}".utf8))
                bodies.append(
                    Array("{\"data\":[{\"taskUUID\":\"some-id\",\"status\":\(status)\(rest)}]}".utf8))
            }
        }
        for id in [
            "0", "\"\"", "\" \"", "[]", "{}", "null", "1.5", "true", "\"a\\nb\"",
            "\"\(String(repeating: "x", count: 5000))\"",
        ] {
            bodies.append(
                Array("{\"task_id\":\(id),\"request_id\":\(id),\"job_id\":\(id),\"id\":\(id),\"taskUUID\":\(id)}".utf8))
        }
        return bodies
    }()

    private func readAll(_ reply: HTTPReply, _ provider: Provider) -> [Fault] {
        let settings = provider.testSettings
        let job = UpstreamJob.make()
        let handle = UpstreamHandle(id: "some-id", addresses: ["status_url": "\u{0}", "x": "y"])
        var faults: [Fault] = []
        let submitted = provider.readSubmission(reply, job, settings)
        if case .accepted(let handle, _) = submitted {
            // Whatever it calls the job, asking for it must be a request that can be sent.
            let look = provider.look(handle, settings)
            #expect(look.url.hasPrefix(settings.baseURL + "/"))
            #expect(look.url.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f })
        }
        if let fault = submitted.fault { faults.append(fault) }
        for age in [Duration.zero, .seconds(3600)] {
            for answer in [
                provider.readLook(reply, handle, age: age, settings),
                provider.readResult(reply, handle, age: age, settings),
            ] {
                if let fault = answer.fault { faults.append(fault) }
                if case .done(let result) = answer, case .url(let url) = result.model {
                    #expect(url.hasPrefix("http://") || url.hasPrefix("https://") || url.hasPrefix(settings.baseURL))
                    #expect(url.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f })
                }
                if case .running(let percent?, _) = answer { #expect((0...99).contains(percent)) }
                if case .running(_, let status) = answer { #expect(status.count <= 40) }
            }
        }
        if case .failure(let fault) = provider.readBalance(reply, settings) { faults.append(fault) }
        _ = provider.readReconciliation(reply, job, settings)
        _ = provider.readCallback(reply.headers, reply.body, settings)
        _ = provider.callbackProof?.readKeys(reply)
        for fault in faults {
            #expect(!fault.message.isEmpty && fault.message.utf8.count <= 500)
            #expect((fault.excerpt ?? "").utf8.count <= 2048)
        }
        return faults
    }

    @Test(arguments: Provider.all) func `garbage is a fault and nothing worse`(provider: Provider) {
        for status in [200, 202, 303, 404, 422, 503] as [HTTPStatus] {
            // The large ones are slow to read, and no status makes them worse.
            for body in Self.bodies where body.count < 10_000 || status == 200 {
                let headers: Headers = ["Content-Type": "application/json", "Retry-After": "99999999999999999999"]
                _ = readAll(HTTPReply(status, headers: headers, body: body), provider)
            }
        }
    }

    /// On a submit any status of 400 or more is a refusal, readable or not: nothing was bought. What cannot be read of
    /// a success is the one thing nobody knows.
    @Test(arguments: Provider.all) func `a submit is refused by its status alone`(provider: Provider) {
        let settings = provider.testSettings
        for body in Self.bodies where body.count < 10_000 {
            for status in [400, 401, 402, 404, 409, 418, 422, 429, 500, 503, 599]
                as [HTTPStatus]
            {
                switch provider.readSubmission(HTTPReply(status, body: body), .make(), settings) {
                case .refused: break
                case let answer: Issue.record("\(status) \(answer)")
                }
            }
        }
        for text in ["", "null", "[]", "{}", "<html>", "{\"id\":"] {
            switch provider.readSubmission(HTTPReply(.ok, body: Array(text.utf8)), .make(), settings) {
            case .unknown: break
            case let answer: Issue.record("\(text) \(answer)")
            }
        }
    }

    @Test(arguments: Provider.all) func `JSON that tests parsers does not hurt readers`(provider: Provider) throws {
        var count = 0
        for line in try Corpus.lines("json-parsing.jsonl") {
            guard let text = try JSONReader.value(of: line)["raw"]?.string else { continue }
            count += 1
            _ = readAll(HTTPReply(.ok, body: Corpus.latin1(text)), provider)
        }
        #expect(count > 200)
    }

    /// Real answers with a few bytes changed, cut or doubled: a fuzzer's work, with a seed.
    @Test(arguments: Provider.all) func `mutated fixtures do not hurt readers`(provider: Provider) {
        var numbers = SeededNumbers(0xf022)
        let replies = Fixture.names(provider).compactMap { Fixture($0, of: provider)?.reply }
        for _ in 0..<2000 {
            guard var reply = replies.randomElement(using: &numbers) else { return }
            for _ in 0..<Int.random(in: 1...4, using: &numbers) { reply.body.mutate(&numbers) }
            if numbers.next() % 8 == 0 { reply.status = HTTPStatus(Int(numbers.next() % 500) + 100) }
            _ = readAll(reply, provider)
        }
    }

    @Test(arguments: Provider.all) func `a longer answer than any is not read`(provider: Provider) {
        let blanks = [UInt8](repeating: 0x20, count: provider.limits.replyBytes + 1)
        let reply = HTTPReply(
            .ok, body: Array("{\"id\":\"x\",\"task_id\":\"x\",\"request_id\":\"x\",\"job_id\":\"x\"}".utf8) + blanks)
        if case .unknown(let fault) = provider.readSubmission(reply, .make(), provider.testSettings) {
            #expect(fault.message.contains("longer than"))
        } else {
            Issue.record("read all the same")
        }
    }
}

extension [UInt8] {
    mutating func mutate(_ numbers: inout SeededNumbers) {
        guard let at = indices.randomElement(using: &numbers) else { return }
        switch numbers.next() % 6 {
        case 0: self[at] = UInt8(truncatingIfNeeded: numbers.next())
        case 1: removeSubrange(at..<Swift.min(count, at + Int(numbers.next() % 12)))
        case 2: insert(contentsOf: self[at..<Swift.min(count, at + 40)], at: at)
        case 3:
            insert(
                contentsOf: Array(["null", "\"", "{", "]", "-1e9", "\\u0000"].randomElement(using: &numbers)!.utf8),
                at: at)
        case 4: removeLast(count - at)
        default: self[at] ^= 1 << (numbers.next() % 8)
        }
    }
}
