import Domain
import HTTP
import Store

/// What goes on the wire, and what is noted of it.
enum WebhookRequest {
    /// The id names the event, so it is the same for every receiver and every try; only time and signature differ.
    static func make(
        _ item: DueDelivery, secrets: [WebhookSecret], now: Instant, userAgent: String
    ) -> OutgoingRequest {
        let id = item.event.id.description
        let seconds = now.secondsSince1970
        let own = item.endpoint?.headers ?? [:]
        var headers = Headers()
        headers.add("Content-Type", "application/json")
        headers.add("webhook-id", id)
        headers.add("webhook-timestamp", String(seconds))
        headers.add(
            "webhook-signature",
            WebhookSignature.field(id: id, timestamp: seconds, body: item.event.body, secrets: secrets))
        if let trace = item.trace {
            headers.add("X-Request-Id", trace.request)
            headers.add("traceparent", trace.parent(span: item.delivery.id.low))
            if let state = trace.state { headers.add("tracestate", state) }
        }
        for (name, value) in own where !headers.contains(name) { headers.add(name, value) }
        if !headers.contains("User-Agent") { headers.add("User-Agent", userAgent) }
        return OutgoingRequest(.post, item.delivery.url, headers: headers, body: .bytes(item.event.body))
    }

    static func attempt(
        _ item: DueDelivery, number: Int, at: Instant, report: CourierReport, next: DeliveryAttempt.Next
    ) -> DeliveryAttempt {
        var status: Int?
        var error: String?
        switch report.result {
        case .answered(let code, _): status = code
        case .unanswered(let word, _): error = word
        case .givenUp: break
        }
        let excerpt = report.excerpt.isEmpty ? nil : String(decoding: report.excerpt.prefix(512), as: UTF8.self)
        return DeliveryAttempt(
            delivery: item.delivery.id, endpoint: item.delivery.endpoint, number: number, at: at,
            milliseconds: report.milliseconds, status: status, error: error, excerpt: excerpt, next: next)
    }
}
