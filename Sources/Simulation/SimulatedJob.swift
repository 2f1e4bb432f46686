import HTTP
import JSON

/// A job that was bought, and how it will go: decided when it is taken, told as time passes.
package struct SimulatedJob: Sendable {
    package let id: String
    package let provider: String
    /// As it was asked for.
    package let input: JSONValue
    package let acceptedAt: Int64
    package var startsAt: Int64
    package var endsAt: Int64
    package var fate: Fate
    package let webhook: String?
    package let price: Int64
    package var isRefunded = false
    package var canceledAt: Int64?
    package let resolution: Int64
    package let hasTextures: Bool
    package let wantsThumbnail: Bool
    package let seed: Int64
    package let results: Int
    /// How often it was looked at.
    package var looks = 0
    package var isAnnounced = false
    /// How its submitter reaches us, and this provider: later addresses begin with these.
    let origin: String
    let home: String
    let assetSecret: String

    package struct Fate: Sendable, Hashable {
        package enum End: String, Sendable, CaseIterable {
            case finishes, fails, stuck, backwards
            /// Says done once without a file.
            case lateFile = "late_file"
            /// The provider forgets it.
            case gone
            /// Its file is no model, is cut off, has another type, is refused, missing, or slow.
            case noModel = "no_model"
            case truncatedModel = "truncated_model"
            case wrongType = "wrong_type"
            case assetForbidden = "asset_403"
            case assetMissing = "asset_404"
            case assetSlow = "asset_slow"
            case png, webp, inline
        }

        package var end = End.finishes
        package var code: String?
        package var message: String?
        /// An HTTP status, where the provider tells failures with one.
        package var status: Int?

        package init() {}
    }

    package enum Phase: String, Sendable { case waiting, running, done, failed, canceled }

    package func phase(at now: Int64) -> Phase {
        if let canceledAt, canceledAt < endsAt, now >= canceledAt { return .canceled }
        if now < startsAt { return .waiting }
        if now < endsAt || fate.end == .stuck { return .running }
        return fate.end == .fails ? .failed : .done
    }

    /// 0 to 1.
    package func progress(at now: Int64) -> Double {
        guard phase(at: now) == .running else { return phase(at: now) == .done ? 1 : 0 }
        let share = Double(now - startsAt) / Double(max(1, endsAt - startsAt))
        // One that goes backwards says more the less there is left to do.
        if fate.end == .backwards { return max(0, 0.95 - share) }
        return min(share, fate.end == .stuck ? 0.9 : 0.99)
    }

    func isForgotten(at now: Int64, after seconds: Double, scale: Double) -> Bool {
        fate.end == .gone || now > endsAt + Int64(seconds * 1000 * scale)
    }
}

extension World {
    /// What a provider's own submit makes of a checked request.
    struct Order {
        var id: String
        var input: JSONValue
        var webhook: String?
        var price: Int64
        var resolution: Int64
        var hasTextures = true
        var wantsThumbnail = false
        var seed: Int64
        var results = 1
    }

    /// Takes the money and the job; nil when there is not enough money.
    mutating func buy(_ order: Order, _ provider: String, _ call: Call) -> SimulatedJob? {
        guard balances[provider, default: 0] >= order.price else { return nil }
        balances[provider, default: 0] -= order.price
        let usual: Double = [512: 20, 1024: 40, 1536: 100][order.resolution] ?? 40
        let seconds = (settings.durations[provider] ?? usual * (order.hasTextures ? 1 : 0.6)) * settings.timeScale
        let length = Int64(seconds * 1000)
        let job = SimulatedJob(
            id: order.id, provider: provider, input: order.input, acceptedAt: call.now,
            startsAt: call.now + length / 8, endsAt: call.now + length, fate: takeFate(provider),
            webhook: order.webhook, price: order.price, resolution: order.resolution, hasTextures: order.hasTextures,
            wantsThumbnail: order.wantsThumbnail, seed: order.seed, results: order.results, origin: call.base,
            home: call.home,
            assetSecret: hexadecimal(draw()))
        forgetOldJobs()
        jobIndex[Self.key(provider, order.id)] = jobs.count
        jobs.append(job)
        if order.webhook != nil { announcing.insert(Self.key(provider, order.id)) }
        count(provider, "bought")
        return job
    }

    private mutating func forgetOldJobs() {
        guard jobs.count >= Self.jobsKept else { return }
        jobs.removeFirst(Self.jobsKept / 2)
        jobIndex = [:]
        for (index, job) in jobs.enumerated() { jobIndex[Self.key(job.provider, job.id)] = index }
    }

    private static func key(_ provider: String, _ id: String) -> String { provider + " " + id }

    func job(_ provider: String, _ id: some StringProtocol) -> SimulatedJob? {
        jobIndex[Self.key(provider, String(id))].map { jobs[$0] }
    }

    mutating func change(_ provider: String, _ id: some StringProtocol, _ body: (inout SimulatedJob) -> Void) {
        if let index = jobIndex[Self.key(provider, String(id))] { body(&jobs[index]) }
    }

    /// Gives back what a failed job cost, once.
    mutating func refund(_ provider: String, _ id: some StringProtocol) {
        guard let index = jobIndex[Self.key(provider, String(id))], !jobs[index].isRefunded else { return }
        jobs[index].isRefunded = true
        balances[provider, default: 0] += jobs[index].price
        count(provider, "refunded")
    }

    /// The address of a job's file: signed and for a while, as theirs are.
    func address(of job: SimulatedJob, _ name: String, base: String) -> String {
        "\(base)/_assets/\(job.provider)/\(PercentCoding.encode(job.id))/\(name)?X-Amz-Expires=86400&X-Amz-Signature=\(job.assetSecret)"
    }

    func modelName(of job: SimulatedJob, _ result: Int = 0) -> String {
        "trellis2_\(job.resolution)_\(job.seed + Int64(result)).glb"
    }

    /// Serves a file as a bucket would: whoever shows a key besides the signature has it refused, and counted.
    mutating func asset(_ request: HTTPRequest, _ path: ArraySlice<Substring>, now: Int64) -> Reaction {
        let path = Array(path)
        guard path.count == 3, let id = PercentCoding.decode(String(path[1])), let job = job(String(path[0]), id) else {
            return Reaction(.text("NoSuchKey\n", status: .notFound))
        }
        count(job.provider, "asset")
        if let fault = takeFault(job.provider, .asset) {
            let provider = Self.providers.first { $0.id == job.provider }
            if fault.preempts, let provider { return fault.applied(to: Reaction(fault.response(for: provider))) }
            var reaction = file(request, job, String(path[2]), now: now)
            if let provider { reaction.response = fault.changing(reaction.response, for: provider) }
            return fault.applied(to: reaction)
        }
        return file(request, job, String(path[2]), now: now)
    }

    private mutating func file(_ request: HTTPRequest, _ job: SimulatedJob, _ name: String, now: Int64) -> Reaction {
        let keyHeaders = ["Authorization", "Ocp-Apim-Subscription-Key", "x-api-key"]
        if keyHeaders.contains(where: request.headers.contains) {
            count(job.provider, "leaked_keys")
            return Reaction(.text("InvalidArgument: Only one auth mechanism allowed\n", status: .badRequest))
        }
        guard request.queryItem("X-Amz-Signature") == job.assetSecret, job.fate.end != .assetForbidden,
            now < job.endsAt + Int64(86_400_000 * settings.timeScale)
        else { return Reaction(.text("AccessDenied: Request has expired\n", status: .forbidden)) }
        guard job.phase(at: now) == .done, job.fate.end != .assetMissing else {
            return Reaction(.text("NoSuchKey\n", status: .notFound))
        }
        if name.hasSuffix(".png") {
            return Reaction(HTTPResponse(headers: ["Content-Type": "image/png"], body: .bytes(models.thumbnail)))
        }
        var type = "model/gltf-binary"
        var bytes = model(of: job)
        var manner = Reaction.Manner.whole
        switch job.fate.end {
        case .noModel: bytes = Array("<html><body>This is not a model.</body></html>".utf8)
        case .truncatedModel: bytes.removeLast(bytes.count / 3)
        case .wrongType: type = "text/html"
        case .assetSlow: manner = .trickle(max(64, bytes.count / 4))
        default: break
        }
        if job.provider == "pixazo" { type = "application/octet-stream" }
        var reaction = Reaction(HTTPResponse(headers: ["Content-Type": type], body: .bytes(bytes)))
        reaction.manner = manner
        return reaction
    }

    func model(of job: SimulatedJob) -> [UInt8] {
        guard job.hasTextures else { return models.bare }
        if job.fate.end == .png { return models.png }
        if job.fate.end == .webp { return models.webp }
        // TRELLIS.2 writes WebP; some hosts convert.
        return job.seed % 4 == 3 ? models.png : models.webp
    }
}
