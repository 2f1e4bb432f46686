import Domain
import HTTP

/// What a provider says to a submit.
package enum SubmitAnswer: Sendable, Equatable {
    /// It has the job; how many are before it, if it says.
    case accepted(UpstreamHandle, position: Int? = nil)
    /// It answered with the result itself.
    case done(UpstreamHandle, UpstreamResult)
    /// It said no: nothing was bought.
    case refused(Fault)
    /// Nobody can tell from this answer whether it was bought.
    case unknown(Fault)
}

/// What a provider says of a job.
package enum LookAnswer: Sendable, Equatable {
    case waiting(position: Int?, status: String)
    case running(percent: Int?, status: String)
    /// Done; what it made is told in answer to this request, read by `Provider.readResult`.
    case fetch(OutgoingRequest)
    case done(UpstreamResult)
    /// The job failed.
    case failed(Fault)
    /// This answer says nothing of the job: look again. With credentials or balance as the fault, only after somebody
    /// mended that.
    case noNews(Fault)
    /// It does not know the job (any more).
    case gone(Fault)
}

/// What a finished job gave.
package struct UpstreamResult: Sendable, Hashable {
    package enum Model: Sendable, Hashable {
        /// Where to fetch it from: never with the provider's key.
        case url(String)
        case bytes([UInt8])
    }

    package var model: Model
    package var thumbnailURL: String?
    /// In millionths of a US dollar, where the answer says so.
    package var costMicrodollars: Int64?
    package var seed: Int64?
    /// What the provider did otherwise than asked.
    package var notes: [Adjustment]

    package init(
        model: Model, thumbnailURL: String? = nil, costMicrodollars: Int64? = nil, seed: Int64? = nil,
        notes: [Adjustment] = []
    ) {
        self.model = model
        self.thumbnailURL = thumbnailURL
        self.costMicrodollars = costMicrodollars
        self.seed = seed
        self.notes = notes
    }
}

/// When a submit whose answer was lost was sent, and what it was.
package struct ReconcileWindow: Sendable, Hashable {
    package let job: UpstreamJob
    package let from: Instant
    package let to: Instant

    package init(job: UpstreamJob, from: Instant, to: Instant) {
        self.job = job
        self.from = from
        self.to = to
    }
}

/// What became of the wish to call a job off.
package enum Cancellation: Sendable, Hashable {
    case taken
    /// The provider has no way to, or says no: the job runs to its end.
    case refused
    /// No answer, or one that says nothing of the job: asking again may help.
    case unclear
}

package enum Reconciliation: Sendable, Hashable {
    case found(UpstreamHandle)
    /// The list covers the time and has no such job.
    case absent
    case unclear(Fault)
}

/// What a provider's call to us claims. A hint to look at the job, never more.
package struct CallbackHint: Sendable, Hashable {
    /// The job it speaks of, in the provider's words.
    package let upstreamID: String?

    package init(upstreamID: String?) { self.upstreamID = upstreamID }
}

/// What we have left at a provider.
package struct Balance: Sendable, Hashable {
    /// As the provider writes it.
    package let amount: String
    package let unit: String
    /// Calls a minute that it allows our key, if it says.
    package let requestsPerMinute: Int?

    package init(amount: String, unit: String, requestsPerMinute: Int? = nil) {
        self.amount = amount
        self.unit = unit
        self.requestsPerMinute = requestsPerMinute
    }
}
