import JSON

/// Why a planned fault makes no sense.
struct FaultComplaint: Error, Sendable {
    let message: String
}

extension PlannedFault {
    /// Reads what a test wrote; everything unknown is refused, for a fault that is silently not injected proves
    /// nothing.
    static func read(_ wish: JSONObject, id: Int) -> Result<PlannedFault, FaultComplaint> {
        var provider: String?
        var route: RouteKind?
        var skips = 0
        var times: Int? = 1
        var change = Change()
        for member in wish.members {
            let value = member.value
            var isGood = true
            switch member.name {
            case "provider":
                provider = value.string
                isGood = World.providers.contains { $0.id == provider }
            case "route":
                route = value.string.flatMap(RouteKind.init)
                isGood = route != nil
            case "after":
                skips = value.integer.map { Int($0) } ?? -1
                isGood = skips >= 0
            case "times":
                times = value.integer.map { Int($0) }
                isGood = value.isNull || (times ?? 0) > 0
            case "fate":
                guard let object = value.object else { return complain(member.name, value) }
                var fate = SimulatedJob.Fate()
                for part in object.members {
                    if let message = fate.take(part) { return .failure(FaultComplaint(message: message)) }
                }
                change.fate = fate
            default: isGood = change.take(member)
            }
            if !isGood { return complain(member.name, value) }
        }
        return .success(
            PlannedFault(id: id, provider: provider, route: route, skips: skips, times: times, change: change))
    }

    private static func complain(_ name: String, _ value: JSONValue) -> Result<PlannedFault, FaultComplaint> {
        .failure(FaultComplaint(message: "\(name): \(value) is not understood"))
    }
}

extension PlannedFault.Change {
    mutating func take(_ member: JSONObject.Member) -> Bool {
        let value = member.value
        switch member.name {
        case "delay":
            delay = value.double ?? -1
            return delay >= 0 && delay <= 3600
        case "status":
            status = value.integer.map { Int($0) }
            return (200...599).contains(status ?? 0)
        case "headers":
            headers = (value.object?.members ?? []).compactMap { header in header.value.string.map { (header.name, $0) }
            }
            return value.object != nil
        case "body":
            body = value.string.map { Array($0.utf8) } ?? value.bytes
            return true
        case "content_type": contentType = value.string
        case "code": code = value.string
        case "message": message = value.string
        case "lose":
            loses = value.bool ?? false
            return value.bool != nil
        case "close":
            closes = value.bool ?? false
            return value.bool != nil
        case "hang":
            hangs = value.string.flatMap(Hang.init)
            return hangs != nil
        case "cut":
            cut = value.integer.map { Int($0) }
            return (cut ?? -1) >= 0
        case "mutate":
            mutation = value.string.flatMap(Mutation.init)
            return mutation != nil
        default: return false
        }
        return value.string != nil
    }
}

extension SimulatedJob.Fate {
    /// Nil when it was understood.
    mutating func take(_ member: JSONObject.Member) -> String? {
        let value = member.value
        switch member.name {
        case "end":
            guard let end = value.string.flatMap(End.init) else {
                let words = End.allCases.map(\.rawValue).joined(separator: ", ")
                return "end must be one of \(words); got \(value)"
            }
            self.end = end
        case "code": code = value.string
        case "message": message = value.string
        case "status": status = value.integer.map { Int($0) }
        default: return "\(member.name) is not understood"
        }
        return nil
    }
}
