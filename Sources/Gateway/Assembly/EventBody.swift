import API
import Domain
import JSON
import Store

/// What subscribers are told, byte for byte as it is signed and sent.
enum EventBody {
    static func rendering(_ status: StatusBody) -> Rendering {
        Rendering(
            status: { status.render($0) },
            event: { kind, subject, _, at in
                if case .task(let task) = subject { return status.event(kind, of: task, at: at) }
                return body(kind, subject, at)
            })
    }

    private static func body(_ kind: Event.Kind, _ subject: EventSubject, _ at: Instant) -> [UInt8] {
        var json = JSONWriter()
        json.object {
            $0.member("type", kind.rawValue)
            $0.member("timestamp", at.description)
            $0.object("data") {
                switch subject {
                case .task, .nothing: break
                case .wallet(let account, let balance, let mark):
                    $0.member("account_id", account.description)
                    $0.member("balance", balance.amount)
                    $0.member("low_balance", mark.amount)
                case .endpoint(let endpoint, let reason):
                    $0.member("endpoint_id", endpoint.id.description)
                    $0.member("url", endpoint.url)
                    $0.member("reason", reason)
                }
            }
        }
        return json.bytes
    }
}
