import Domain
import HTTP
import Store

/// What an operator can set in motion beyond the store's rows; given by whoever assembles the gateway.
package struct OperatorActs: Sendable {
    /// Reads the configuration again: what changed, or why nothing did.
    package var reload: @Sendable () async -> Result<[String], ActRefusal> = { .failure(.notHere) }
    /// One cheap real call to a provider.
    package var test: @Sendable (ProviderID) async -> Result<ProviderTest, ActRefusal> = { _ in .failure(.notHere) }
    /// Tells routing that a provider was turned on or off.
    package var providerChanged: @Sendable (ProviderID, _ isEnabled: Bool?) -> Void = { _, _ in }
    /// What the configuration says of a provider, whatever an operator said since.
    package var isConfigured: @Sendable (ProviderID) -> Bool = { _ in false }
    /// Why a provider could not work whatever an operator said, and what to do; nil when it could.
    package var objection: @Sendable (_ to: ProviderID) -> String? = { _ in nil }

    /// Copies pictures, models and, if asked to, the master key into a directory, for a backup.
    package var keepFiles: @Sendable (_ directory: String, _ withKey: Bool) async -> Result<FilesKept, ActRefusal> = {
        _, _ in .failure(.notHere)
    }

    package init() {}
}

/// What a backup holds beside the database.
package struct FilesKept: Hashable, Sendable {
    package let count: Int
    package let bytes: Int64
    package let hasMasterKey: Bool

    package init(count: Int, bytes: Int64, hasMasterKey: Bool) {
        self.count = count
        self.bytes = bytes
        self.hasMasterKey = hasMasterKey
    }
}

/// Why an act was not done, in words for the operator.
package enum ActRefusal: Error, Hashable, Sendable {
    /// This gateway was built or started without it.
    case notHere
    case notFound(String)
    case refused(String)
}

package struct ProviderTest: Hashable, Sendable {
    package let isOK: Bool
    package let message: String
    package let milliseconds: Int
    /// What is left on the operator's account there, as the provider words it.
    package let balance: String?

    package init(isOK: Bool, message: String, milliseconds: Int, balance: String? = nil) {
        self.isOK = isOK
        self.message = message
        self.milliseconds = milliseconds
        self.balance = balance
    }
}

extension API {
    func act<R>(_ result: Result<R, ActRefusal>) throws(Refusal) -> R {
        do throws(ActRefusal) {
            return try result.get()
        } catch {
            switch error {
            case .notHere: throw .unavailable("This can only be asked of a gateway that runs.")
            case .notFound(let what): throw .notFound(what)
            case .refused(let why): throw .conflict(code: "refused", message: why)
            }
        }
    }

    /// Every act leaves a row that says who did what to what. It is written after the act: an act that failed
    /// left nothing to tell.
    func note(_ call: Call, _ act: String, _ subject: String, _ detail: String = "") async throws(Refusal) {
        let at = around.now()
        try await ask { () async throws(StoreError) in
            try await store.recordAudit(actor: call.actor, act: act, subject: subject, detail: detail, now: at)
        }
    }
}
