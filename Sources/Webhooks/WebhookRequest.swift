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
        headers.set("webhook-id", id)
        headers.set("webhook-timestamp", String(now.secondsSince1970))
        headers.set(
            "webhook-signature",
            WebhookSignature.field(id: id, timestamp: now.secondsSince1970, body: item.event.body, secrets: secrets))
        return .json(.post, item.delivery.url, headers: headers, body: item.event.body)
    }

    /// An attempt without its consequence.
    static func attempt(_ item: DueDelivery, number: Int, at: Instant, report: CourierReport) -> DeliveryAttempt {
        var status: Int?
        var error: String?
        switch report.result {
        case .answered(let code, _): status = code
        case .unanswered(let word, _): error = word
        }
        let excerpt = report.excerpt.isEmpty ? nil : String(decoding: report.excerpt.prefix(512), as: UTF8.self)
        return DeliveryAttempt(
            delivery: item.delivery.id, number: number, at: at, milliseconds: report.milliseconds, status: status,
            error: error, excerpt: excerpt, next: .abandoned)
    }
}

extension DeliveryAttempt {
    func followed(by next: Next) -> DeliveryAttempt {
        DeliveryAttempt(
            delivery: delivery, number: number, at: at, milliseconds: milliseconds, status: status, error: error,
            excerpt: excerpt, next: next)
    }
}

/// Field names an endpoint's owner may not set: ours, and those that frame the message.
package enum CustomHeader {
    private static let reserved: Set<String> = [
        "host", "content-length", "content-type", "transfer-encoding", "connection", "expect", "te", "trailer",
        "upgrade", "keep-alive", "proxy-connection",
    ]

    /// Why this header may not be sent, or nil. libcurl sends fields as they are, so CR, LF and NUL must end here.
    package static func fault(name: String, value: String) -> String? {
        let lower = name.lowercased()
        let token = lower.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        guard token, !name.isEmpty, name.utf8.count <= 100 else { return "\(name) is not a header name" }
        guard !lower.hasPrefix("webhook-"), !reserved.contains(lower) else {
            return "\(name) is set by the gateway and cannot be replaced"
        }
        guard value.utf8.allSatisfy({ $0 == 9 || ($0 >= 0x20 && $0 != 0x7F) }), value.utf8.count <= 1024 else {
            return "the value of \(name) has control characters or is longer than 1024 bytes"
        }
        return nil
    }
}
