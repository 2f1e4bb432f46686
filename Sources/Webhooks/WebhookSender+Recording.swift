import Domain
import Store

/// Attempts that were made and are not in the store yet. There they are still due, so their lanes keep them as busy
/// until they are written: what a store that cannot write does not know must not be sent again and again.
struct Unrecorded {
    struct Entry {
        let lane: WebhookLane
        let attempt: DeliveryAttempt
        let isPing: Bool
    }

    private(set) var entries: [Entry] = []
    var isWriting = false
    /// How often the store has refused in a row.
    private(set) var refusals = 0

    /// One write has so many at most: whoever else wants to write waits for it, a few milliseconds.
    static let batch = 256
    /// While so many come in one write, the next one waits a moment for more: a commit costs the disk and its pages the
    /// same for one as for a hundred, and the slots are free already.
    private static let busy = 16
    private static let moment = Duration.milliseconds(8)
    /// A kill forgets them, and they are sent again: a few seconds' worth at most.
    private static let most = 2048

    var isEmpty: Bool { entries.isEmpty }
    /// Nothing new is begun while what was done cannot be written down.
    var isHoldingBack: Bool { refusals > 0 || entries.count >= Self.most }
    var next: [Entry] { Array(entries.prefix(Self.batch)) }
    /// A quarter of a second at first, eight at last.
    var pause: Duration { .milliseconds(250 << min(refusals - 1, 5)) }

    /// How long to gather before the next write.
    func gathering(after written: Int) -> Duration? {
        written >= Self.busy && entries.count < Self.batch ? Self.moment : nil
    }

    mutating func add(_ entry: Entry) { entries.append(entry) }
    mutating func refused() { refusals += 1 }
    mutating func written(_ count: Int) {
        refusals = 0
        entries.removeFirst(count)
    }
    mutating func forget() { entries = [] }
}

extension WebhookSender {
    func settle(_ answer: DeliveryAnswer, now: Instant) {
        let (item, report) = (answer.item, answer.report)
        let verdict = DeliveryVerdict(report.result)
        let tries = item.delivery.tries + 1
        var next = DeliveryAttempt.Next.abandoned
        switch verdict.fate {
        case .untried:
            return board.answered(in: answer.lane, milliseconds: report.milliseconds, now: now) {
                $0.noted(item.delivery.id)
                $0.isDue = true
                $0.rest(until: now + Self.storePause)
            }
        case .delivered: next = .delivered
        case .gone: break
        case .retry:
            var retryAfter: Duration?
            if case .answered(_, let asked) = report.result { retryAfter = asked }
            if let at = settings.schedule.next(after: tries, now: now, retryAfter: retryAfter, random: &random) {
                next = .retry(at: at)
            }
        }
        let attempt = WebhookRequest.attempt(item, number: tries, at: answer.sentAt, report: report, next: next)
        board.answered(in: answer.lane, milliseconds: report.milliseconds, now: now) { lane in
            switch next {
            case .delivered: lane.gotThrough(now)
            case .retry(let at): if verdict.slowsLane { lane.slow(for: at - now, by: settings.schedule, now: now) }
            case .abandoned: if verdict.slowsLane { lane.slow(for: nil, by: settings.schedule, now: now) }
            }
            // Time for it to be disabled.
            if verdict.fate == .gone { lane.rest(until: now + Self.storePause) }
        }
        count(attempt, created: item.event.at, now: now)
        if next == .abandoned || next != .delivered && tries == 1 { onRefusal(item, attempt) }
        unrecorded.add(.init(lane: answer.lane, attempt: attempt, isPing: item.event.kind == .ping))
        if let endpoint = item.endpoint, let reason = disabling(endpoint, verdict.fate, now: now) {
            Task { await disable(endpoint.id, reason: reason, now: now) }
        }
    }

    func beginRecording() {
        guard !unrecorded.isWriting, !unrecorded.isEmpty else { return }
        unrecorded.isWriting = true
        Task { await record() }
    }

    /// Writes all that came in while the last were being written: one transaction for as many as there are.
    private func record() async {
        while !unrecorded.isEmpty {
            let batch = unrecorded.next
            do {
                try await store.record(batch.map(\.attempt))
                unrecorded.written(batch.count)
                noted(batch)
                if !isDraining, let pause = unrecorded.gathering(after: batch.count) {
                    alarm.ring()
                    try? await Task.sleep(for: pause)
                }
            } catch {
                onProblem(error)
                unrecorded.refused()
                // Who waits for an answer gets it; it was given.
                for entry in batch { tried(entry.attempt, isPing: entry.isPing) }
                if isDraining {
                    // They are still due: the next start sends them again, under the same id.
                    unrecorded.forget()
                } else {
                    try? await Task.sleep(for: unrecorded.pause)
                }
            }
            alarm.ring()
        }
        unrecorded.isWriting = false
    }

    private func noted(_ batch: [Unrecorded.Entry]) {
        for entry in batch {
            board.noted(entry.attempt.delivery, in: entry.lane)
            if case .retry(let at) = entry.attempt.next { rounds.retryAt = min(rounds.retryAt ?? at, at) }
            tried(entry.attempt, isPing: entry.isPing)
        }
    }

    private func disabling(_ endpoint: WebhookEndpoint, _ fate: DeliveryVerdict.Fate, now: Instant) -> String? {
        switch fate {
        case .delivered, .untried: return nil
        case .gone: return "gone"
        case .retry:
            guard let since = endpoint.failingSince, now - since >= settings.disableAfter else { return nil }
            return "failing since \(since)"
        }
    }

    private func disable(_ endpoint: EndpointID, reason: String, now: Instant) async {
        do { try await store.disableEndpoint(endpoint, reason: reason, now: now) } catch { onProblem(error) }
    }
}
