import Domain
import HTTP
import JSON

/// What replies mean. A reader never throws and never traps, whatever it is given.
extension Provider {
    package func readSubmission(
        _ reply: HTTPReply, _ job: UpstreamJob, _ settings: ProviderSettings
    ) -> SubmitAnswer {
        let answer = Answer(reply, self, settings, secrets: job.secrets)
        if let read = odd.readSubmission { return read(answer, job) }
        if let refusal = refusal(of: answer) { return refusal }
        if let handle = handle(in: answer) { return .accepted(handle) }
        if let result = odd.result?(answer) { return .done(UpstreamHandle(id: job.token), result) }
        return .unknown(answer.garbled("\(name) took the request and gave no id"))
    }

    /// `age`: how long ago the provider took the job.
    package func readLook(
        _ reply: HTTPReply, _ handle: UpstreamHandle, age: Duration, _ settings: ProviderSettings
    ) -> LookAnswer {
        let answer = Answer(reply, self, settings)
        if let read = odd.readLook { return read(answer, handle, age) }
        if let trouble = trouble(with: answer, age: age) { return trouble }
        return readStatus(answer)
    }

    /// Reads the answer to what `LookAnswer.fetch` asked for.
    package func readResult(
        _ reply: HTTPReply, _ handle: UpstreamHandle, age: Duration, _ settings: ProviderSettings
    ) -> LookAnswer {
        let answer = Answer(reply, self, settings)
        if let read = odd.readResult { return read(answer, handle, age) }
        return readLook(reply, handle, age: age, settings)
    }

    package func readCancellation(_ reply: HTTPReply) -> Cancellation {
        switch reply.status {
        case let status where status.isSuccess: .taken
        case .requestTimeout, .tooManyRequests: .unclear
        case let status where status.isServerError: .unclear
        default: .refused
        }
    }

    package func readReconciliation(
        _ reply: HTTPReply, _ job: UpstreamJob, _ settings: ProviderSettings
    ) -> Reconciliation {
        let answer = Answer(reply, self, settings, secrets: job.secrets)
        guard answer.isSuccess, answer.json != nil else { return .unclear(answer.refusal) }
        return odd.readReconciliation?(answer, job) ?? .unclear(answer.garbled("\(name) has no list of jobs"))
    }

    /// What a call to us claims; nil when it is nothing of this provider's.
    package func readCallback(_ headers: Headers, _ body: [UInt8], _ settings: ProviderSettings) -> CallbackHint? {
        let answer = Answer(HTTPReply(.ok, headers: headers, body: body), self, settings)
        if let read = odd.readCallback { return read(answer) }
        return answer.id(in: idFields).map { CallbackHint(upstreamID: $0) }
    }

    /// How a callback can be shown to be the provider's; nil where there is only the secret in its address.
    package var callbackProof: CallbackProof? { odd.proof }

    package func readBalance(_ reply: HTTPReply, _ settings: ProviderSettings) -> Result<Balance, Fault> {
        let answer = Answer(reply, self, settings)
        guard answer.isSuccess else { return .failure(answer.refusal) }
        guard let balance = odd.readBalance?(answer) else {
            return .failure(answer.garbled("\(name) told no balance"))
        }
        return .success(balance)
    }

    // MARK: The table's way

    /// A submit that bought nothing: any status of 400 or more, readable or not. A redirect is not followed with
    /// a key and a picture in hand; all but 303 say that nothing was done (RFC 9110 §15.4).
    func refusal(of answer: Answer) -> SubmitAnswer? {
        switch answer.status {
        case 400...:
            var fault = answer.refusal
            // The submit route itself is not there: that is no fault of the request.
            if fault.kind == .notFound { fault = fault.becoming(.serverError) }
            return .refused(fault)
        case 300..<400 where answer.status != 303:
            let place = answer.reply.headers["Location"] ?? "nowhere"
            return .refused(
                answer.fault(.serverError, "\(name) redirects to \(place): base_url is probably not right"))
        case 200..<300: return nil
        default: return .unknown(answer.garbled("\(name) answered \(answer.status)"))
        }
    }

    func handle(in answer: Answer) -> UpstreamHandle? {
        answer.id(in: idFields).map { UpstreamHandle(id: $0) }
    }

    /// What an answer says that is no status of a job.
    func trouble(with answer: Answer, age: Duration) -> LookAnswer? {
        if answer.isSuccess {
            return answer.json?.object == nil ? .noNews(answer.garbled("\(name) told no status")) : nil
        }
        let fault = answer.refusal
        switch fault.kind {
        case .credentials, .outOfBalance, .busy, .serverError, .unreachable, .garbled: return .noNews(fault)
        case .notFound, .invalidInput, .badPicture, .content, .generationFailed, .canceled:
            // Just after the submit a job may not be visible yet.
            return age < .seconds(60) ? .noNews(fault) : .gone(fault)
        }
    }

    private func readStatus(_ answer: Answer) -> LookAnswer {
        guard let word = answer["status"]?.string else { return .noNews(answer.garbled("\(name) told no status")) }
        let shown = String(word.prefix(40))
        switch states[word.uppercased()] ?? .running {
        case .waiting: return .waiting(position: answer["queue_position"]?.count, status: shown)
        case .running: return .running(percent: percent(answer["progress"]), status: shown)
        case .failed: return .failed(answer.fault(answer.json, status: 200, otherwise: .generationFailed).asFailure)
        case .done:
            if let result = odd.result?(answer) { return .done(result) }
            // Some say done a moment before the file is there.
            return .noNews(answer.fault(.garbled, "\(name) says \(shown) and gives no model"))
        }
    }

    /// 0 to 99 out of whatever it calls progress; numbers may come as text.
    func percent(_ value: JSONValue?) -> Int? {
        guard let fullProgress, let number = value?.double ?? value?.string.flatMap(Double.init), number.isFinite
        else { return nil }
        return Int(min(max(number / fullProgress * 100, 0), 99))
    }
}

extension Fault {
    /// The same, of another kind.
    func becoming(_ kind: Kind) -> Fault { Fault(kind, message, status: status, excerpt: excerpt) }

    /// As the end of a job that had been taken: whatever the provider calls it, the job failed. What is wrong with the
    /// picture or its content stays that, for no other provider will like it better.
    var asFailure: Fault {
        switch kind {
        case .invalidInput, .badPicture, .content, .canceled, .generationFailed: self
        case .credentials, .outOfBalance, .busy, .serverError, .unreachable, .notFound, .garbled:
            becoming(.generationFailed)
        }
    }
}

extension UpstreamJob {
    /// What of it must not turn up in a fault: addresses with secrets in them.
    var secrets: [String] {
        var secrets = [token]
        if let callbackURL { secrets.append(callbackURL) }
        if case .url(let url) = picture { secrets.append(url) }
        return secrets
    }
}

extension Answer {
    /// The id in the first of `fields` that has one: text, or a number made text. Long or odd ones are no ids.
    func id(in fields: [String]) -> String? {
        for field in fields {
            guard let id = self[field]?.string ?? self[field]?.integer.map({ String($0) }) else { continue }
            if (1...200).contains(id.utf8.count), id.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) { return id }
        }
        return nil
    }

    /// A result's address made absolute; nil for what is none.
    func address(_ text: String?) -> String? {
        guard let text, (1...8192).contains(text.utf8.count), text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f })
        else { return nil }
        if text.lowercased().hasPrefix("http://") || text.lowercased().hasPrefix("https://") { return text }
        return text.hasPrefix("/") && !text.hasPrefix("//") ? settings.baseURL + text : nil
    }

    /// A model from an address, a data URI or base64.
    func model(_ text: String?) -> UpstreamResult.Model? {
        guard let text else { return nil }
        if let url = address(text) { return .url(url) }
        var encoded = text[...]
        if text.hasPrefix("data:") {
            guard let comma = text.firstIndex(of: ",") else { return nil }
            encoded = text[text.index(after: comma)...]
        }
        guard let bytes = Base64.decode(encoded.utf8, space: .ignored), bytes.starts(with: "glTF".utf8) else {
            return nil
        }
        return .bytes(bytes)
    }

    /// Of several addresses the first of a GLB, else the first.
    func model(among texts: [String]) -> UpstreamResult.Model? {
        let addresses = texts.compactMap(address)
        if let url = addresses.first(where: \.namesGLB) ?? addresses.first { return .url(url) }
        return texts.lazy.compactMap { model($0) }.first
    }
}

extension String {
    /// Whether it is the address of a `.glb`, by its path.
    var namesGLB: Bool {
        let path = prefix { $0 != "?" && $0 != "#" }
        return path.lowercased().hasSuffix(".glb")
    }
}

extension JSONValue {
    /// A small count, from a number or a text of one.
    var count: Int? {
        (integer ?? string.flatMap { Int64($0) }).flatMap { (0...1_000_000).contains($0) ? Int($0) : nil }
    }

    /// An amount of US dollars in millionths, exactly as written: never by way of a `Double`.
    var microdollars: Int64? {
        switch self {
        case .integer(let whole) where (0...1_000_000).contains(whole): return whole * 1_000_000
        case .decimal(let decimal): return Self.microdollars(decimal.text)
        case .string(let text): return Self.microdollars(text)
        default: return nil
        }
    }

    private static func microdollars(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = Int64(first), (0...1_000_000).contains(whole) else {
            // Exponents: `2.5e-05`. Rounded, for there is no exact way that is worth it.
            guard let number = Double(text), number >= 0, number <= 1_000_000 else { return nil }
            return Int64((number * 1_000_000).rounded())
        }
        guard parts.count == 2 else { return whole * 1_000_000 }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), !first.hasPrefix("-") else {
            guard let number = Double(text), number >= 0, number <= 1_000_000 else { return nil }
            return Int64((number * 1_000_000).rounded())
        }
        let digits = parts[1].utf8.prefix(6).map { Int64($0 - 0x30) } + [0, 0, 0, 0, 0, 0]
        return whole * 1_000_000 + digits.prefix(6).reduce(0) { $0 * 10 + $1 }
    }
}
