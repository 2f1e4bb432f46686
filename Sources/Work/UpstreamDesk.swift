import Domain
import HTTP
import Providers

/// The desk of a provider as its table describes it: builds what the table says, sends it, and puts what comes back
/// into Work's words.
package struct UpstreamDesk: Desk {
    /// What the operator says of a provider, beyond how to call it.
    package struct Options: Sendable {
        package var isEnabled = true
        package var concurrency: Int?
        /// Calls of every sort for one key; nil: as many as needed.
        package var requestsPerMinute: Int?
        /// The longest that one call may take: some upstreams answer a submit only when the work is done.
        package var timeout: Duration = .seconds(60)
        /// What a job costs there, in millionths of a US dollar, where the operator knows better than the table.
        package var cost: Int64?
        /// Where the provider may call about the attempt with this token; nil without `public_url`.
        package var callback: (@Sendable (_ token: String) -> String)?
        /// How long the provider should keep a result for us to fetch.
        package var keep: Duration? = .seconds(3600)
        /// For callbacks that are signed; without it the secret in their address must do.
        package var signatures: Signatures?
        package var clock = RunClock.system()

        package init() {}
    }

    package let rank: Int
    private let provider: Provider
    private let settings: ProviderSettings
    private let upstream: any Upstream
    private let options: Options
    private let proofKeys = ProofKeys()
    private let fits: KnownFits

    package init(
        _ provider: Provider, _ settings: ProviderSettings, rank: Int, upstream: any Upstream, options: Options
    ) {
        self.provider = provider
        fits = KnownFits(provider)
        self.settings = settings
        self.rank = rank
        self.upstream = upstream
        self.options = options
        alwaysTextures = if case .gateway? = provider.row(.textures)?.rule { true } else { false }
    }

    package var id: ProviderID { provider.id }
    package var hasKey: Bool { settings.key?.revealed.isEmpty == false || provider.authentication == .none }
    package func isCalled(as other: any Desk) -> Bool { (other as? UpstreamDesk)?.settings == settings }
    package var takesBytes: Bool { provider.picture.takesBytes }
    package var callsBack: Bool { options.callback != nil && provider.callback.exists }
    package var reconcilesByResending: Bool { provider.resendIsSafe }
    package var canReconcile: Bool { provider.resendIsSafe || provider.canReconcile }

    /// Read from the table once: each look at a request asks how long it would take here.
    package let alwaysTextures: Bool

    package func refusals(of request: GenerationRequest, pictures: Pictures, inline: Bool) -> [Routing.Refusal] {
        guard hasKey else { return [Routing.Refusal(parameter: nil, message: "no api_key is configured for it")] }
        return fits.fit(request, canHost: pictures.canHost).obstacles.map {
            Routing.Refusal(parameter: $0.parameter, message: $0.reason)
        }
    }

    package func adjustments(of request: GenerationRequest) -> [Adjustment] {
        request.onUnsupported == .adjust ? fit(request).adjustments : []
    }

    /// Routing has seen to it that pictures get there: here only the parameters count.
    private func fit(_ request: GenerationRequest) -> Fit { fits.fit(request, canHost: true) }

    package func cost(of request: GenerationRequest) -> Int64? {
        options.cost ?? provider.cost(of: request.parameters)
    }

    package func typical(_ kind: RequestKind) -> Duration {
        provider.durations.typical(resolution: kind.resolution, textures: kind.textures || alwaysTextures)
    }

    package func standing(_ work: WorkSettings) -> Standing {
        return Standing(
            isEnabled: options.isEnabled, concurrency: options.concurrency ?? provider.limits.concurrency,
            rate: options.requestsPerMinute.map { .perMinute($0, scale: work.pace.scale) },
            breaker: work.breaker.scaled(by: work.pace.scale))
    }

    private func upstreamJob(_ job: Job, _ picture: PictureAtHand) -> UpstreamJob? {
        let request = job.task.request
        guard let parameters = fit(request).parameters(of: request) else { return nil }
        let source: UpstreamPicture =
            switch picture {
            case .url(let url): .url(url)
            case .bytes(let bytes, let contentType): .bytes(bytes, contentType: contentType)
            }
        return UpstreamJob(
            parameters: parameters, seed: job.slot.seed, picture: source, token: job.attempt.token,
            callbackURL: options.callback?(job.attempt.token), keep: options.keep, metadata: request.metadata)
    }

    private func terms(_ timeout: Duration, isRepeatable: Bool = true) -> CallTerms {
        CallTerms(timeout: timeout, replyBytes: provider.limits.replyBytes, isRepeatable: isRepeatable)
    }

    package func submit(_ job: Job, _ picture: PictureAtHand) async -> Submitted {
        guard let upstreamJob = upstreamJob(job, picture) else {
            return .trouble(.disputed, Evidence(fault: "no_fit", message: "\(provider.name) cannot do this request"))
        }
        switch await upstream.send(
            job.traced(provider.submission(upstreamJob, settings)),
            terms(options.timeout, isRepeatable: provider.resendIsSafe))
        {
        case .failed(let failure): return .trouble(failure.onSubmit, failure.evidence)
        case .answered(let reply):
            switch provider.readSubmission(reply, upstreamJob, settings) {
            case .accepted(let handle, _): return .accepted(handle)
            case .done(let handle, let result): return .done(handle, UpstreamResults(result))
            case .refused(let fault): return .trouble(Trouble(refusal: fault), fault.evidence)
            case .unknown(let fault): return .trouble(.unknown, fault.evidence)
            }
        }
    }

    package func look(_ job: Job, _ handle: UpstreamHandle) async -> Looked {
        let timeout = min(options.timeout, .seconds(60))
        switch await upstream.send(job.traced(provider.look(handle, settings)), terms(timeout)) {
        case .failed(let failure): return .trouble(.unreachable, failure.evidence)
        case .answered(let reply):
            return await follow(provider.readLook(reply, handle, age: job.age, settings), job, handle, timeout)
        }
    }

    /// Some tell what a finished job made only in answer to another question.
    private func follow(
        _ answer: LookAnswer, _ job: Job, _ handle: UpstreamHandle, _ timeout: Duration
    ) async -> Looked {
        guard case .fetch(let request) = answer else { return Looked(answer) }
        switch await upstream.send(job.traced(request), terms(timeout)) {
        case .failed(let failure): return .trouble(.unreachable, failure.evidence)
        case .answered(let reply): return Looked(provider.readResult(reply, handle, age: job.age, settings))
        }
    }

    package func results(_ job: Job, _ handle: UpstreamHandle) async -> Fetched {
        switch await look(job, handle) {
        case .running: .notYet
        case .done(let results): .have(results)
        case .gone(let evidence): .trouble(.generation, evidence)
        case .trouble(let trouble, let evidence): .trouble(trouble, evidence)
        }
    }

    package func reconcile(_ job: Job, _ picture: PictureAtHand) async -> Reconciled {
        guard let upstreamJob = upstreamJob(job, picture) else { return .unclear }
        if provider.resendIsSafe {
            switch await submit(job, picture) {
            case .accepted(let handle), .done(let handle, _): return .accepted(handle)
            // A conflict whose words cannot be read is with a job of this name, most likely: the one we look for.
            case .trouble(_, let evidence) where evidence.status == 409: return .unclear
            // A refusal of the request itself would have been the answer the first time, too. Any other says
            // nothing of the first.
            case .trouble(.input, let evidence), .trouble(.disputed, let evidence): return .refused(evidence)
            case .trouble: return .unclear
            }
        }
        let window = ReconcileWindow(
            job: upstreamJob, from: job.attempt.beganAt - .seconds(60), to: job.attempt.beganAt + .seconds(600))
        guard let request = provider.reconciliation(window, settings),
            case .answered(let reply) = await upstream.send(job.traced(request), terms(.seconds(30)))
        else { return .unclear }
        switch provider.readReconciliation(reply, upstreamJob, settings) {
        case .found(let handle): return .accepted(handle)
        case .absent: return .absent
        case .unclear: return .unclear
        }
    }

    package func cancel(_ handle: UpstreamHandle) async -> Cancellation {
        guard let request = provider.cancellation(handle, settings) else { return .refused }
        guard case .answered(let reply) = await upstream.send(request, terms(.seconds(30))) else { return .unclear }
        return provider.readCancellation(reply)
    }

    package func read(callback headers: Headers, _ body: [UInt8], _ job: Job) async -> Called {
        guard let hint = provider.readCallback(headers, body, settings) else { return .forged }
        if let proof = provider.callbackProof, let signatures = options.signatures {
            let holds = await proofKeys.holds(
                proof, headers, body, signatures: signatures, settings: settings, upstream: upstream,
                now: options.clock.now())
            guard holds else { return .forged }
        }
        // A call about another job than the one whose secret it knows is nobody's.
        if let known = job.attempt.handle?.id, let named = hint.upstreamID, known != named { return .forged }
        return .news(hint.upstreamID.map { UpstreamHandle(id: $0) })
    }
}

extension UpstreamFailure {
    /// Before the request left, nothing can have been bought; a refusal is one even when its words are cut off.
    fileprivate var onSubmit: Trouble {
        if word == "overloaded" || word == "closed" { return .busy(wait: nil) }
        if let status, status >= 400 { return .unreachable }
        return wasSent ? .unknown : .unreachable
    }

    fileprivate var evidence: Evidence { Evidence(fault: word, message: message, status: status) }
}

extension Trouble {
    /// A submit that was refused: nothing was bought.
    fileprivate init(refusal fault: Fault) {
        switch fault.kind {
        case .invalidInput: self = .disputed
        case .badPicture: self = .input(code: "image_rejected")
        case .content: self = .input(code: "content_policy")
        case .credentials, .outOfBalance: self = .account
        case .busy(let wait): self = .busy(wait: wait)
        case .generationFailed, .canceled: self = .generation
        case .serverError, .unreachable, .notFound, .garbled: self = .unreachable
        }
    }

    /// A job that failed.
    fileprivate init(failure fault: Fault) {
        switch fault.kind {
        case .badPicture: self = .input(code: "image_rejected")
        case .content: self = .input(code: "content_policy")
        case .invalidInput: self = .disputed
        default: self = .generation
        }
    }

    /// A look that told nothing of the job.
    fileprivate init(noNews fault: Fault) {
        switch fault.kind {
        case .credentials, .outOfBalance: self = .account
        case .busy(let wait): self = .busy(wait: wait)
        default: self = .unreachable
        }
    }
}

extension Looked {
    fileprivate init(_ answer: LookAnswer) {
        switch answer {
        case .waiting(let position, let status):
            self = .running(percent: nil, status: position.map { "\(status), \($0) before it" } ?? status, wait: nil)
        case .running(let percent, let status): self = .running(percent: percent, status: status, wait: nil)
        case .done(let result): self = .done(UpstreamResults(result))
        case .failed(let fault): self = .trouble(Trouble(failure: fault), fault.evidence)
        case .gone(let fault): self = .gone(fault.evidence)
        case .noNews(let fault): self = .trouble(Trouble(noNews: fault), fault.evidence)
        case .fetch:
            self = .trouble(
                .unreachable, Evidence(fault: "garbled", message: "the result leads to yet another place"))
        }
    }
}

extension UpstreamResults {
    fileprivate init(_ result: UpstreamResult) {
        let model: Source =
            switch result.model {
            case .url(let url): .url(url)
            case .bytes(let bytes): .bytes(bytes)
            }
        self.init(
            model: model, thumbnail: result.thumbnailURL, costMicrodollars: result.costMicrodollars,
            notes: result.notes)
    }
}

extension Job {
    /// With the names by which the provider's people and ours can speak of the same call.
    fileprivate func traced(_ request: OutgoingRequest) -> OutgoingRequest {
        guard let trace = task.request.trace else { return request }
        var request = request
        request.headers.set("X-Request-Id", trace.request)
        request.headers.set("traceparent", trace.parent(span: attempt.id.low))
        if let state = trace.state { request.headers.set("tracestate", state) }
        return request
    }
}
