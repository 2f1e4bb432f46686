import Domain
import Store
import Synchronization

/// Takes queued slots to providers: chooses, commits the intent, sends, records.
///
/// It never asks the queue for more than could be sent, so a long queue costs no more than a short one. A slot
/// whose own providers are all full is put off in its row and parked in memory, and goes as soon as there is
/// a place.
package final class Dispatcher: Duty {
    package let name = "dispatcher"
    private let shop: Workshop
    private let parking = Mutex(Parking())
    /// While everybody is out, the queue is only looked through now and then, for those who waited too long.
    private let lastSurvey = Mutex(Instant(milliseconds: 0))

    package init(_ shop: Workshop) { self.shop = shop }

    package let looksAgain = true

    package func pick(
        limit: Int, busy: Busy, now: Instant
    ) async throws(StoreError) -> [Errand] {
        guard !shop.isStopping else { return [] }
        let free = min(limit, shop.board.freePlaces(at: now))
        guard free > 0 || isTimeForSurvey(now) else { return [] }
        var errands: [Errand] = []
        var looked: Set<SlotKey> = []
        if free > 0 {
            for due in unpark(free, now: now) where !busy.contains(due.key) {
                looked.insert(due.key)
                if let errand = await begin(due, wasParked: true, now: now) { errands.append(errand) }
            }
        }
        // A few more than could go at once: those in front may be waiting for somebody who is full.
        let room = max(16, free - errands.count)
        let due = try await shop.store.queued(limit: min(limit, room) + busy.count + looked.count, now: now)
        for due in due where !busy.contains(due.key) && looked.insert(due.key).inserted {
            parking.withLock { $0.forget(due.key) }
            if let errand = await begin(due, wasParked: false, now: now) { errands.append(errand) }
        }
        return errands
    }

    /// While nobody has room, the queue is not looked at however due it is: it is when somebody has again.
    package func nextLook(after now: Instant) -> Instant? {
        guard !shop.isStopping, shop.board.freePlaces(at: now) == 0 else { return nil }
        let survey = shop.board.isOut(at: now) ? now + shop.settings.pace.wait(.seconds(1)) : nil
        return [shop.board.nextOpening(after: now), survey].compactMap { $0 }.min()
    }

    private func isTimeForSurvey(_ now: Instant) -> Bool {
        guard shop.board.isOut(at: now) else { return false }
        let pause = shop.settings.pace.wait(.seconds(1))
        return lastSurvey.withLock { last in
            guard now - last >= pause else { return false }
            last = now
            return true
        }
    }

    private func unpark(_ count: Int, now: Instant) -> [DueSlot] {
        let ready = Set(
            shop.board.standings().filter { $0.value.hasRoom(at: now) }.map(\.key))
        return parking.withLock { $0.take(count, for: ready) { shop.board.load(of: $0) } }
    }

    /// Decides about one slot, and takes a place for it if there is one.
    private func begin(_ due: DueSlot, wasParked: Bool, now: Instant) async -> Errand? {
        let task = due.task
        guard now < task.deadline else { return nil }
        // Attempts are counted before they are made, so one that brings the process down each time ends here.
        if due.slot.tries >= shop.verdict.mostSubmits(of: due.slot) {
            return Errand(due.key) { [shop] in await shop.fail(due, Self.usedUp(due)) }
        }
        let kind = RequestKind(task.request.parameters)
        guard let route = await shop.route(due, at: now) else {
            return Errand(due.key) { [shop] in
                await shop.put(off: due, until: now + shop.settings.pace.wait(.seconds(5)))
            }
        }
        let identity = DueSlotIdentity(key: due.key, account: task.account)
        for provider in route.choices {
            guard let desk = shop.desk(provider), shop.board.reserve(provider, for: identity, kind: kind, at: now)
            else { continue }
            return Errand(due.key) { [shop] in await Submission(shop, due, desk).run() }
        }
        if route.isHopeless {
            return Errand(due.key) { [shop] in await shop.fail(due, Self.hopeless(due, route)) }
        }
        let settings = shop.settings
        // Since it was last in anybody's hands; attempts that were refused do not count as that.
        let waitBegan = due.slot.attempt.flatMap { $0.acceptedAt == nil ? nil : $0.endedAt } ?? task.createdAt
        let waitEnds = waitBegan + settings.pace.wait(settings.routing.maxQueueWait)
        if route.isOut, now >= waitEnds {
            return Errand(due.key) { [shop] in await shop.fail(due, Self.waitedTooLong(due, route)) }
        }
        let isParked = parking.withLock { $0.park(due, for: Set(route.choices + route.waiting)) }
        if wasParked { return nil }
        var limits = [now + settings.pace.wait(isParked && !route.isOut ? .seconds(30) : .seconds(5))]
        if let soonest = route.soonest { limits.append(max(soonest, now + settings.pace.wait(.milliseconds(200)))) }
        if route.isOut { limits.append(waitEnds) }
        // Each look costs a write: those that found no place to park share five hundred of them a second.
        let queued = isParked ? 0 : shop.store.health.tasksByState[.queued] ?? 0
        let until = max(limits.min() ?? now, now + settings.pace.wait(.milliseconds(2) * queued))
        return Errand(due.key) { [shop] in await shop.put(off: due, until: until) }
    }

    private static func usedUp(_ due: DueSlot) -> Failure {
        let last = due.slot.attempt?.evidence.map { "; the last: \($0.message)" } ?? ""
        return Failure(
            code: "too_many_attempts", message: "No provider took it in \(due.slot.tries) attempts\(last)")
    }

    private static func hopeless(_ due: DueSlot, _ route: Route) -> Failure {
        if let evidence = due.slot.attempt?.evidence, let provider = due.slot.attempt?.provider {
            return Failure(
                code: "no_provider_left",
                message: "\(provider) could not do it (\(evidence.message)), and nobody else can.")
        }
        let reasons = route.exclusions.map { "\($0.provider): \($0.message)" }.joined(separator: "; ")
        return Failure(code: "no_provider", message: "No provider can take this request. \(reasons)")
    }

    private static func waitedTooLong(_ due: DueSlot, _ route: Route) -> Failure {
        let reasons = route.exclusions.filter(\.isTemporary).map { "\($0.provider): \($0.message)" }
        return Failure(
            code: "queue_timeout",
            message: "No provider was available in time. \(reasons.joined(separator: "; "))")
    }
}

extension Workshop {
    /// Who could take this slot now; nil while it cannot be read whom its account may use.
    func route(_ due: DueSlot, spending provider: ProviderID? = nil, at now: Instant) async -> Route? {
        guard let account = try? await store.account(due.task.account) else { return nil }
        let allowed = account.limits.providers
        var history = Routing.History(due.slot)
        if let provider {
            history.spent.append(provider)
            history.last = provider
        }
        return route(due.task.request, allowed: allowed, history: history, at: now)
    }

    /// Whether somebody else could take this slot after `provider` has failed it. In doubt it is queued, and decided there.
    func others(than provider: ProviderID, for due: DueSlot, at now: Instant) async -> Bool {
        await route(due, spending: provider, at: now)?.isHopeless != true
    }

    /// Who could take this request: also what a quote tells.
    package func route(
        _ request: GenerationRequest, allowed: [ProviderID]?, history: Routing.History = .init(), at now: Instant
    ) -> Route {
        let (desks, routing, inline) = crossroads
        let standings = board.standings()
        let kind = RequestKind(request.parameters)
        let candidates = desks.compactMap { desk -> Routing.Candidate? in
            guard let standing = standings[desk.id] else { return nil }
            // Holding a request against a table takes time, and one that is switched off is out whatever its table says.
            guard standing.mayBeAsked else { return Routing.Candidate(desk.id, standing: standing) }
            return Routing.Candidate(
                desk.id,
                refusals: desk.refusals(of: request, pictures: pictures, inline: inline),
                standing: standing, cost: desk.cost(of: request), usual: standing.usual(kind) ?? desk.typical(kind))
        }
        var random = SystemRandomNumberGenerator()
        return Routing(routing).route(
            request, allowed: allowed, history: history, among: candidates, at: now, random: &random)
    }

    func fail(_ due: DueSlot, _ failure: Failure) async -> Outcome {
        switch await record(.failed(failure, nil), due.reference) {
        case .changed:
            journal.note(.warning, "failed", task: due.task.id, ["code": failure.code, "why": failure.message])
            return .failed
        case .stale: return .stale
        case .failed: return .postponed
        }
    }

    func put(off due: DueSlot, until: Instant) async -> Outcome {
        switch await record(.deferred(until: until), due.reference) {
        case .changed: .deferred
        case .stale: .stale
        case .failed: .postponed
        }
    }
}
