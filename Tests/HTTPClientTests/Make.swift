import HTTP
import HTTPClient

extension EgressPolicy {
    /// As an operator lets it be for services beside the gateway; only loopback can be reached from a test.
    static let loopback = EgressPolicy(allowed: ranges("127.0.0.0/8"), allowsPlainHTTP: true)
}

func ranges(_ texts: String...) -> [AddressRange] { texts.compactMap(AddressRange.init) }

extension CallPolicy {
    /// A policy for calls on loopback, changed by `change`.
    static func make(_ egress: EgressPolicy = .loopback, _ change: (inout CallPolicy) -> Void = { _ in }) -> CallPolicy
    {
        var policy = CallPolicy(egress: egress)
        change(&policy)
        return policy
    }
}

extension Result where Success == Answer, Failure == CallFailure {
    var answer: Answer? { try? get() }
    var failure: CallFailure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
