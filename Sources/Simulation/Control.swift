import HTTP
import JSON

/// The other side of the simulator: what a test asks of it and tells it, under `/_control`.
extension World {
    mutating func control(_ request: HTTPRequest, _ path: ArraySlice<Substring>, now: Int64) -> HTTPResponse {
        let path = Array(path)
        switch (request.method, path.first ?? "") {
        case (.get, ""): return .json(summary(now: now))
        case (.get, "health"): return .json(["status": "ok"])
        case (.get, "jobs"):
            let wanted = request.queryItem("provider")
            let found = jobs.filter { wanted == nil || $0.provider == wanted }
            return .json(["jobs": .array(found.suffix(1000).map { Self.describe($0, now: now) })])
        case (.post, "jobs") where path.count == 3: return told(request) { steer(path[1], path[2], $0, now: now) }
        case (.get, "requests"):
            let wanted = request.queryItem("provider")
            let found = received.filter { wanted == nil || $0.provider == wanted }
            return .json(["requests": .array(found.suffix(1000).map(Self.describe))])
        case (.get, "faults"): return .json(["faults": .array(faults.map { ["id": .integer(Int64($0.id))] })])
        case (.post, "faults"): return told(request) { plan($0) }
        case (.delete, "faults"):
            let id = path.count > 1 ? Int(path[1]) : nil
            faults.removeAll { id == nil || $0.id == id }
            return .json(["faults": .integer(Int64(faults.count))])
        case (.post, "settings"): return told(request) { set($0) }
        case (.post, "reset"):
            reset()
            return .json(["status": "ok"])
        default: return Self.complain("nothing at /_control/\(path.joined(separator: "/")) for \(request.method)", 404)
        }
    }

    private static func complain(_ message: String, _ status: Int = 400) -> HTTPResponse {
        .json(["error": .string(message)], status: HTTPStatus(status))
    }

    private func told(_ request: HTTPRequest, _ act: (JSONObject) -> HTTPResponse) -> HTTPResponse {
        do throws(JSONError) {
            guard let object = try JSONReader.value(of: request.body).object else {
                return Self.complain("a JSON object is wanted")
            }
            return act(object)
        } catch {
            return Self.complain(error.description)
        }
    }

    /// Everything is forgotten but the settings.
    mutating func reset() {
        jobs = []
        jobIndex = [:]
        balances = Self.wealth
        counters = [:]
        received = []
        faults = []
        buckets = [:]
        outbox = []
        announcing = []
    }

    private func summary(now: Int64) -> JSONValue {
        var providers = JSONObject()
        for provider in Self.providers {
            let mine = jobs.filter { $0.provider == provider.id }
            var counts = JSONObject()
            for (name, count) in (counters[provider.id] ?? [:]).sorted(by: { $0.key < $1.key }) {
                counts[name] = .integer(Int64(count))
            }
            providers[provider.id] = [
                "balance": .integer(balances[provider.id, default: 0]),
                "spent": .integer(Self.wealth[provider.id, default: 0] - balances[provider.id, default: 0]),
                "jobs": .integer(Int64(mine.count)),
                "running": .integer(Int64(mine.filter { [.waiting, .running].contains($0.phase(at: now)) }.count)),
                "counts": .object(counts),
            ]
        }
        return [
            "providers": .object(providers), "time_scale": .decimal(JSONDecimal(settings.timeScale)),
            "webhooks_waiting": .integer(Int64(outbox.count)),
        ]
    }

    private static func describe(_ job: SimulatedJob, now: Int64) -> JSONValue {
        [
            "id": .string(job.id), "provider": .string(job.provider), "state": .string(job.phase(at: now).rawValue),
            "progress": .decimal(JSONDecimal(job.progress(at: now))), "input": job.input,
            "webhook": .text(job.webhook), "price": .integer(job.price), "refunded": .bool(job.isRefunded),
            "looks": .integer(Int64(job.looks)), "seed": .integer(job.seed),
            "canceled": .bool(job.canceledAt != nil), "accepted_at": .string(Timestamp.rfc3339(job.acceptedAt)),
        ]
    }

    private static func describe(_ request: ReceivedRequest) -> JSONValue {
        var headers = JSONObject()
        for (name, value) in request.headers { headers[name.lowercased()] = .string(value) }
        return [
            "provider": .string(request.provider), "route": .string(request.route), "method": .string(request.method),
            "target": .string(request.target), "headers": .object(headers),
            "body": .string(String(decoding: request.body, as: UTF8.self)), "status": .integer(Int64(request.status)),
            "at": .string(Timestamp.rfc3339(request.at)),
        ]
    }

    /// Ends or fails a job by hand.
    private mutating func steer(
        _ provider: Substring, _ id: Substring, _ wish: JSONObject, now: Int64
    ) -> HTTPResponse {
        guard let id = PercentCoding.decode(String(id)), job(String(provider), id) != nil else {
            return Self.complain("no such job", 404)
        }
        var fault: String?
        var isCalledAbout = false
        change(String(provider), id) { job in
            for member in wish.members {
                switch (member.name, member.value) {
                case ("announce", .bool(true)): isCalledAbout = true
                case ("finish", .bool(true)):
                    job.startsAt = min(job.startsAt, now)
                    job.endsAt = min(job.endsAt, now)
                    if job.fate.end == .stuck { job.fate.end = .finishes }
                case ("start", .bool(true)): job.startsAt = min(job.startsAt, now)
                default:
                    var fate = job.fate
                    fault = fate.take(member) ?? fault
                    job.fate = fate
                }
            }
        }
        if isCalledAbout { announce(String(provider), id, now: now) }
        return fault.map { Self.complain($0) } ?? .json(["status": "ok"])
    }

    private mutating func set(_ wish: JSONObject) -> HTTPResponse {
        for member in wish.members {
            let entries = member.value.object?.members ?? []
            switch member.name {
            case "time_scale":
                guard let scale = member.value.double, scale > 0, scale <= 1000 else {
                    return Self.complain("time_scale must be a number from 0 to 1000")
                }
                settings.timeScale = scale
            case "keys":
                for entry in entries {
                    settings.keys[entry.name] = entry.value.array.map { Set($0.compactMap(\.string)) }
                }
            case "requests_per_minute":
                for entry in entries { settings.requestsPerMinute[entry.name] = entry.value.integer.map { Int($0) } }
            case "durations":
                for entry in entries { settings.durations[entry.name] = entry.value.double }
            case "balances":
                for entry in entries { balances[entry.name] = entry.value.integer ?? 0 }
            default: return Self.complain("unknown setting \(member.name)")
            }
        }
        return .json(["status": "ok"])
    }

    private mutating func plan(_ wish: JSONObject) -> HTTPResponse {
        switch PlannedFault.read(wish, id: nextFault) {
        case .success(let fault):
            nextFault += 1
            faults.append(fault)
            return .json(["id": .integer(Int64(fault.id))], status: .created)
        case .failure(let complaint): return Self.complain(complaint.message)
        }
    }
}

extension JSONValue {
    static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
