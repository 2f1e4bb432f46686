import Domain
import Store

extension Log {
    /// A webhook that its receiver did not take: the first try, and the last. Whoever was not told asks the operator.
    func tell(_ item: DueDelivery, _ attempt: DeliveryAttempt) {
        let isOver = attempt.next == .abandoned
        // The path of an address may be a secret; where it leads is not.
        let host = item.delivery.url.split(separator: "/").dropFirst().first.map { $0.prefix { $0 != "?" } }
        self(
            isOver ? .warning : .info, isOver ? "webhook given up" : "webhook not taken", task: item.event.task,
            [
                "event": .text(item.event.kind.rawValue), "webhook_id": .text(item.event.id.description),
                "endpoint": .text(item.endpoint?.id.description ?? "webhook_url"), "host": .text(String(host ?? "")),
                "attempt": LogValue(attempt.number), "said": .text(attempt.error ?? "status \(attempt.status ?? 0)"),
            ])
    }
}
