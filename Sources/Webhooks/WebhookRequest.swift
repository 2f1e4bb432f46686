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
        var headers: Headers = ["User-Agent": userAgent]
        for (name, value) in item.endpoint?.headers ?? [:] { headers.set(name, value) }
        if let trace = item.trace {
            headers.set("X-Request-Id", trace.request)
            headers.set("traceparent", trace.parent(span: item.delivery.id.low))
            if let state = trace.state { headers.set("tracestate", state) }
        }
        headers.set("webhook-id", id)
        headers.set("webhook-timestamp", String(now.secondsSince1970))
        headers.set(
            "webhook-signature",
            WebhookSignature.field(id: id, timestamp: now.secondsSince1970, body: item.event.body, secrets: secrets))
        return .json(.post, item.delivery.url, headers: headers, body: item.event.body)
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
