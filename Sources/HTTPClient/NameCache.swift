import HTTP

/// What names are known to lead to, and who waits to know. A pure state machine: time comes in, lookups go out.
///
/// All calls that want a name while it is being looked up share the one answer, so a host that a thousand calls want
/// costs one lookup. It makes nothing safe: addresses are judged when they are connected to, however old they are.
struct NameCache {
    enum Reply: Equatable {
        case addresses([NetworkAddress])
        case none(String)
        /// The call is noted; `isFirst` says that the lookup must be started.
        case wait(isFirst: Bool)
    }

    private struct Entry {
        let answer: LookupAnswer
        let until: ContinuousClock.Instant
    }

    /// As libcurl keeps them. Long enough to poll a job by, short enough to follow a host that moves.
    static let knownFor: Duration = .seconds(60)
    /// A mistake or an outage should be noticed mended soon.
    static let unknownFor: Duration = .seconds(2)
    /// Names beyond these push out others; a gateway talks to a handful of upstreams and the receivers of its tenants.
    static let limit = 1024
    /// More addresses than anyone tries before the connect timeout.
    static let addressLimit = 16

    private var known: [String: Entry] = [:]
    private var waiting: [String: [UInt64]] = [:]
    var count: Int { known.count + waiting.count }

    mutating func want(_ name: String, for call: UInt64, now: ContinuousClock.Instant) -> Reply {
        if let entry = known[name], entry.until > now {
            switch entry.answer {
            case .addresses(let addresses): return .addresses(addresses)
            case .none(let reason): return .none(reason)
            }
        }
        waiting[name, default: []].append(call)
        return .wait(isFirst: waiting[name]?.count == 1)
    }

    /// Notes an answer and tells who waited for it, in the order they asked.
    mutating func note(_ answer: LookupAnswer, for name: String, now: ContinuousClock.Instant) -> [UInt64] {
        var answer = answer
        var lifetime = Self.unknownFor
        if case .addresses(let addresses) = answer {
            answer = .addresses(Array(addresses.prefix(Self.addressLimit)))
            lifetime = Self.knownFor
        }
        known[name] = Entry(answer: answer, until: now + lifetime)
        if known.count > Self.limit { makeRoom(now: now) }
        return waiting.removeValue(forKey: name) ?? []
    }

    /// Drops what has expired, and half of the rest if that was not enough.
    private mutating func makeRoom(now: ContinuousClock.Instant) {
        known = known.filter { $0.value.until > now }
        guard known.count > Self.limit else { return }
        for (index, name) in known.keys.enumerated() where index.isMultiple(of: 2) { known[name] = nil }
    }
}
