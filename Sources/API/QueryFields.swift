import Domain
import HTTP
import JSON

/// The items of a query as they are read, and what is wrong with them. What nobody read is wrong as well: a filter
/// that is misspelt, or given twice, would answer more than was asked for, and look like the answer.
struct QueryFields {
    private let items: [(name: String, value: String)]
    private var read: [String] = []
    private var faults: [FieldFault] = []

    init(_ request: HTTPRequest) { items = request.target.queryItems }

    /// Throws all faults, if there are any. Asked when everything has been read. `strangers`: what nobody read does no
    /// harm, where it is a client's number against caches and not a filter.
    func check(strangers: Bool = false) throws(Refusal) {
        var all = faults
        if strangers {
            guard all.isEmpty else { throw .invalid(all) }
            return
        }
        var seen: Set<String> = []
        for item in items {
            let isFirst = seen.insert(item.name).inserted
            let shown = String(item.name.prefix(64))
            if read.contains(item.name) {
                if !isFirst { all.append(FieldFault(shown, "\(shown) is given more than once; give it once.")) }
            } else if isFirst {
                let near = Spelling.nearest(to: item.name, of: read).map { "Did you mean \($0)?" }
                all.append(
                    FieldFault(
                        shown, "\(shown) is not a parameter of this address.",
                        suggestion: near ?? "It takes \(read.joined(separator: ", "))."))
            }
        }
        guard all.isEmpty else { throw .invalid(all) }
    }

    mutating func fault(_ fault: FieldFault) { faults.append(fault) }

    mutating func text(_ name: String, atMost limit: Int = 512) -> String? {
        read.append(name)
        guard let value = items.first(where: { $0.name == name })?.value else { return nil }
        guard (1...limit).contains(value.utf8.count) else {
            return wrong(name, value, "must be 1 to \(limit) bytes long")
        }
        return value
    }

    /// Where a page begins; empty is the first, for clients that always send it.
    mutating func cursor() -> String? {
        if items.first(where: { $0.name == "cursor" })?.value.isEmpty == true {
            read.append("cursor")
            return nil
        }
        return text("cursor")
    }

    mutating func integer(_ name: String, _ range: ClosedRange<Int>) -> Int? {
        guard let value = text(name) else { return nil }
        guard let number = Int(value), range.contains(number) else {
            return wrong(
                name, value, "must be a whole number from \(range.lowerBound) to \(range.upperBound)",
                allowed: ["minimum": .integer(Int64(range.lowerBound)), "maximum": .integer(Int64(range.upperBound))])
        }
        return number
    }

    mutating func moment(_ name: String) -> Instant? {
        guard let value = text(name) else { return nil }
        guard let moment = Instant(rfc3339: value) else {
            return wrong(name, value, "must be a time such as 2026-03-14T15:09:26Z")
        }
        return moment
    }

    /// A public word such as FINISHED, or an exact state such as canceled.
    mutating func states(_ name: String) -> Set<TaskState>? {
        guard let value = text(name) else { return nil }
        switch value {
        case "PENDING": return [.queued, .submitting, .unknown]
        case "IN_PROGRESS": return [.submitting, .unknown, .running, .fetching]
        case "FINISHED": return [.finished]
        case "FAILED": return [.failed, .canceled, .expired]
        default:
            guard let state = TaskState(rawValue: value) else {
                let states = TaskState.allCases.map(\.rawValue).joined(separator: ", ")
                return wrong(name, value, "must be PENDING, IN_PROGRESS, FINISHED, FAILED or one of \(states)")
            }
            return [state]
        }
    }

    /// One of the providers that there are: for any other name nothing would be found, which says something else.
    mutating func provider(_ name: String, known: [ProviderID]) -> ProviderID? {
        guard let value = text(name, atMost: 64) else { return nil }
        guard known.contains(ProviderID(value)) else {
            faults.append(.noProvider(value, in: name, among: known.map(\.rawValue)))
            return nil
        }
        return ProviderID(value)
    }

    private mutating func wrong<V>(
        _ name: String, _ value: String, _ wants: String, allowed: JSONValue? = nil
    ) -> V? {
        let shown = JSONValue.string(String(value.prefix(64)))
        faults.append(FieldFault(name, "\(name) \(wants); got \(shown).", value: .string(value), allowed: allowed))
        return nil
    }
}
