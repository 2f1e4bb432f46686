/// One paid piece of work: a request, its price, and a slot for each result asked for.
package struct GenerationTask: Hashable, Sendable {
    package let id: TaskID
    package let account: AccountID
    package let key: KeyID
    package let request: GenerationRequest
    package let createdAt: Instant
    /// When the task expires if it has not ended.
    package let deadline: Instant
    /// When it must have reached a provider, if the customer said so.
    package let startBy: Instant?
    package var state: TaskState
    /// 0…100; never goes back, and is 100 only when finished.
    package var progress: Int
    package var startedAt: Instant?
    package var finishedAt: Instant?
    /// When its files and then its row may go; set when it ends.
    package var expiresAt: Instant?
    package var failure: Failure?
    package var adjustments: [Adjustment]
    /// What became of the customer's own `upload_url`, once it was tried.
    package var uploadOutcome: String?
    /// Rises by one with every visible change: the event stream's id and the webhooks' sequence.
    package var version: Int64
    package var slots: [Slot]

    package init(
        id: TaskID, account: AccountID, key: KeyID, request: GenerationRequest, createdAt: Instant,
        deadline: Instant, startBy: Instant? = nil, adjustments: [Adjustment] = [], slots: [Slot]
    ) {
        self.id = id
        self.account = account
        self.key = key
        self.request = request
        self.createdAt = createdAt
        self.deadline = deadline
        self.startBy = startBy
        self.adjustments = adjustments
        self.slots = slots
        state = .queued
        progress = 0
        version = 1
    }

    /// What is held for it, in all.
    package var price: Credits { slots.reduce(.zero) { $0 + $1.price } }

    /// Attempts begun, over all slots.
    package var attemptCount: Int { slots.reduce(0) { $0 + $1.tries } }
}

/// One of the results of a task.
package struct Slot: Hashable, Sendable {
    package let index: Int
    package let seed: Int64
    package let charges: [Charge]
    package var state: TaskState
    /// When the next step is due: a dispatch, a poll, a reconciliation. Nothing once final.
    package var dueAt: Instant?
    package var progress: Int
    /// Attempts begun.
    package var tries: Int
    /// Providers that had their turn and are not to be asked again.
    package var spent: [ProviderID]
    /// Attempts that may not go elsewhere count only once: an upstream that calls our table's
    /// requests invalid, or a generation that failed.
    package var secondChances: Int
    package var attempt: Attempt?
    /// Times in a row that its finished work was taken in hand and never came to an end of any kind: crashes.
    package var handlings: Int
    package var upstreamStatus: String?
    package var checkedAt: Instant?
    package var model: Asset?
    package var thumbnail: Asset?
    package var failure: Failure?

    package init(index: Int, seed: Int64, charges: [Charge], dueAt: Instant) {
        self.index = index
        self.seed = seed
        self.charges = charges
        self.dueAt = dueAt
        state = .queued
        progress = 0
        tries = 0
        spent = []
        secondChances = 0
        handlings = 0
    }

    package var price: Credits { charges.reduce(.zero) { $0 + $1.amount } }
}

/// Why something ended without a model: a stable word and a sentence.
package struct Failure: Hashable, Sendable, Error {
    package let code: String
    package let message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }
}

/// One try at one provider. It is a row before the first byte is sent.
package struct Attempt: Hashable, Sendable {
    package let id: AttemptID
    package let number: Int
    package let provider: ProviderID
    /// Unguessable and ours: in callback URLs, and the job's own name where a provider takes one
    /// (an RFC 9562 version 4 UUID in text).
    package let token: String
    /// Which run of the gateway made it; an older run's are recovered at once at start.
    package let boot: Int64
    package let beganAt: Instant
    package var acceptedAt: Instant?
    package var endedAt: Instant?
    package var handle: UpstreamHandle?
    package var outcome: Outcome?
    /// What the provider said when it went wrong, for the operator: secrets removed, cut short.
    package var evidence: Evidence?
    /// The upstream's own price in millionths of a US dollar; nil while unknown, never a guessed zero.
    package var costMicrodollars: Int64?

    package enum Outcome: String, Sendable, CaseIterable {
        /// It gave the model.
        case succeeded
        /// It said no: nothing was bought.
        case refused
        /// It took the job and the job failed.
        case failed
        /// Nobody knows whether it was bought.
        case unknown
        /// We stopped caring: canceled or past a deadline.
        case abandoned
    }

    package init(
        id: AttemptID, number: Int, provider: ProviderID, token: String, boot: Int64, beganAt: Instant
    ) {
        self.id = id
        self.number = number
        self.provider = provider
        self.token = token
        self.boot = boot
        self.beganAt = beganAt
    }
}

/// How to find a job again at the provider: its id, and addresses it gave us (fal's are to be used as given).
package struct UpstreamHandle: Hashable, Sendable {
    package let id: String
    package let addresses: [String: String]

    package init(id: String, addresses: [String: String] = [:]) {
        self.id = id
        self.addresses = addresses
    }
}

package struct Evidence: Hashable, Sendable {
    package let fault: String
    package let message: String
    package let status: Int?
    package let excerpt: String?

    package init(fault: String, message: String, status: Int? = nil, excerpt: String? = nil) {
        self.fault = fault
        self.message = message
        self.status = status
        self.excerpt = excerpt
    }
}

/// A finished file: kept by us under the hash of its bytes, or only pointed to (`passthrough`).
package struct Asset: Hashable, Sendable {
    package enum Kind: String, Sendable, CaseIterable { case model, thumbnail }
    package enum Place: Hashable, Sendable {
        /// Lower-case hexadecimal SHA-256 of the bytes.
        case kept(sha256: String)
        case upstream(url: String)
    }

    package let kind: Kind
    package let place: Place
    package let byteCount: Int64
    package let contentType: String

    package init(kind: Kind, place: Place, byteCount: Int64, contentType: String) {
        self.kind = kind
        self.place = place
        self.byteCount = byteCount
        self.contentType = contentType
    }
}
