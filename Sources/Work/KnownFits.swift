import Domain
import Providers
import Synchronization

/// What a provider's table has said to requests. Each submit asks every table, and most name little but the picture:
/// they ask the same.
final class KnownFits: Sendable {
    /// All of a request that a table goes by.
    private struct Question: Hashable {
        let parameters: Parameters
        let isBendable: Bool
        let hasBytes: Bool
        let pictures: PictureDelivery
    }

    private static let limit = 256
    private let provider: Provider
    private let known = Mutex<[Question: Fit]>([:])

    var count: Int { known.withLock { $0.count } }

    init(_ provider: Provider) { self.provider = provider }

    func fit(_ request: GenerationRequest, canHost: Bool) -> Fit {
        let pictures = PictureDelivery(canHost: canHost)
        // With a seed nearly all are different.
        guard request.parameters.seed == nil else { return provider.fit(request, pictures: pictures) }
        let hasBytes = if case .kept = request.picture { true } else { false }
        let question = Question(
            parameters: request.parameters, isBendable: request.onUnsupported == .adjust, hasBytes: hasBytes,
            pictures: pictures)
        if let fit = known.withLock({ $0[question] }) { return fit }
        let fit = provider.fit(request, pictures: pictures)
        known.withLock { known in
            if known.count >= Self.limit { known = [:] }
            known[question] = fit
        }
        return fit
    }
}
