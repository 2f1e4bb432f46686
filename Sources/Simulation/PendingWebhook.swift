import HTTP
import JSON

/// A call to a customer that is due, or will be.
package struct PendingWebhook: Sendable {
    package let provider: String
    package let job: String
    package let url: String
    package let body: [UInt8]
    package var dueAt: Int64
    package var tries = 0
}

extension World {
    static let webhookTries = 8

    /// Calls whoever wanted to be called about a job once more, or before it is true: told to, for those are seen.
    mutating func announce(_ provider: String, _ id: String, now: Int64) {
        guard let job = job(provider, id) else { return }
        layOut(job, now: now, asOf: max(now, job.endsAt))
    }

    private mutating func layOut(_ job: SimulatedJob, now: Int64, asOf time: Int64) {
        guard let url = job.webhook, let provider = Self.providers.first(where: { $0.id == job.provider }) else {
            return
        }
        for body in provider.announcements(of: job, self, now: time) {
            outbox.append(
                PendingWebhook(provider: job.provider, job: job.id, url: url, body: body.bytes, dueAt: now))
        }
    }

    /// Lays out the calls that became due; call it whenever time has passed. Returns those to make now.
    package mutating func dueWebhooks(at now: Int64) -> [PendingWebhook] {
        for name in announcing {
            guard let index = jobIndex[name] else {
                announcing.remove(name)
                continue
            }
            let job = jobs[index]
            let phase = job.phase(at: now)
            guard phase == .done || phase == .failed else { continue }
            announcing.remove(name)
            layOut(job, now: now, asOf: now)
        }
        let due = outbox.filter { $0.dueAt <= now }
        outbox.removeAll { $0.dueAt <= now }
        return due
    }

    /// The request that makes the call; fal's are signed, at the moment of sending.
    package func request(for webhook: PendingWebhook, now: Int64) -> OutgoingRequest {
        var headers: Headers = [:]
        if webhook.provider == "fal" {
            let user = "simulated-user"
            let seconds = String(now / 1000)
            let signature = signer.sign(request: webhook.job, user: user, timestamp: seconds, body: webhook.body)
            headers = [
                "X-Fal-Webhook-Request-Id": webhook.job, "X-Fal-Webhook-User-Id": user,
                "X-Fal-Webhook-Timestamp": seconds, "X-Fal-Webhook-Signature": signature,
            ]
        }
        return .json(.post, webhook.url, headers: headers, body: webhook.body)
    }

    /// A call that was not taken comes again: after 0.25 s, 0.5 s, 1 s, …
    package mutating func webhookEnded(_ webhook: PendingWebhook, taken: Bool, now: Int64) {
        count(webhook.provider, taken ? "webhooks_taken" : "webhooks_refused")
        guard !taken, webhook.tries + 1 < Self.webhookTries else { return }
        var again = webhook
        again.tries += 1
        again.dueAt = now + Int64(250 * Double(1 << webhook.tries) * max(0.01, settings.timeScale))
        outbox.append(again)
    }

    /// When time alone changes something that somebody must be told; nil when never.
    package func nextWebhook() -> Int64? {
        let ends = announcing.lazy.compactMap { name -> Int64? in
            guard let index = jobIndex[name], jobs[index].fate.end != .stuck else { return nil }
            return jobs[index].endsAt
        }
        return [ends.min(), outbox.lazy.map(\.dueAt).min()].compactMap { $0 }.min()
    }
}
