import Domain
import Store
import Synchronization

@testable import API

extension Front {
    /// A front with webhooks, whose secrets are counted: no two are alike.
    static func withHooks(
        settings: API.Settings = API.Settings(), _ body: (Front) async throws -> Void
    ) async throws {
        let count = SecretCount()
        try await Front.with(
            settings: settings,
            { around in
                around.webhooks = WebhookActs(
                    makeSecret: {
                        WebhookSecret(scheme: $0, bytes: Array("secret-\(count.next())".utf8), createdAt: $1)
                    },
                    show: { (String(decoding: $0.bytes, as: UTF8.self), $0.scheme == .ed25519 ? "public" : nil) },
                    nextAttempt: {
                        DeliveryAttempt(
                            delivery: $0, endpoint: nil, number: 1, at: Rig.start, milliseconds: 1, status: 200,
                            error: nil,
                            excerpt: "", next: .delivered)
                    }, wake: {})
            }, body)
    }
}

private final class SecretCount: Sendable {
    private let value = Mutex(0)
    func next() -> Int {
        value.withLock {
            $0 += 1
            return $0
        }
    }
}
