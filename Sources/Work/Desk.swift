import Domain
import HTTP
import Providers

/// Where one provider is spoken to: everything that Work wants of a provider, and nothing of how it is said.
/// `UpstreamDesk` is the one that speaks to real ones.
package protocol Desk: Sendable {
    var id: ProviderID { get }
    /// Its place in the catalog: the order when the operator names none.
    var rank: Int { get }
    /// Whether there is a key to call it with, or none is needed.
    var hasKey: Bool { get }
    /// Whether it calls the same address with the same key as `other`: what was learned there is true here.
    func isCalled(as other: any Desk) -> Bool
    var takesBytes: Bool { get }
    /// It makes textures whether asked or not.
    var alwaysTextures: Bool { get }
    /// It was given an address to call when a job ends.
    var callsBack: Bool { get }
    /// There is a way to find out whether it has a job.
    var canReconcile: Bool { get }
    /// The way is to send the submit again, which cannot buy twice.
    var reconcilesByResending: Bool { get }

    /// What stands in the way of this request there, by its table and by what we can offer it.
    func refusals(of request: GenerationRequest, pictures: Pictures, inline: Bool) -> [Routing.Refusal]
    /// What was bent so that it can take the request.
    func adjustments(of request: GenerationRequest) -> [Adjustment]
    /// What the job costs us there, in millionths of a US dollar, as far as is known beforehand.
    func cost(of request: GenerationRequest) -> Int64?
    /// How long such a job usually takes there, before anything was measured.
    func typical(_ kind: RequestKind) -> Duration
    /// How it stands before anything is known of it.
    func standing(_ settings: WorkSettings) -> Standing

    func submit(_ job: Job, _ picture: PictureAtHand) async -> Submitted
    func look(_ job: Job, _ handle: UpstreamHandle) async -> Looked
    func results(_ job: Job, _ handle: UpstreamHandle) async -> Fetched
    func reconcile(_ job: Job, _ picture: PictureAtHand) async -> Reconciled
    /// Whether a callback is the provider's, and which job it names.
    func read(callback headers: Headers, _ body: [UInt8], _ job: Job) async -> Called
    func cancel(_ handle: UpstreamHandle) async -> Cancellation
}

/// One attempt at one slot, as a provider's desk needs to know it.
package struct Job: Hashable, Sendable {
    package let task: GenerationTask
    package let slot: Slot
    package let attempt: Attempt
    /// How long ago the provider took it, in its own time: not scaled.
    package let age: Duration

    package init(task: GenerationTask, slot: Slot, attempt: Attempt, age: Duration = .zero) {
        self.task = task
        self.slot = slot
        self.attempt = attempt
        self.age = age
    }
}

package enum Submitted: Hashable, Sendable {
    case accepted(UpstreamHandle)
    /// It answered with the result itself.
    case done(UpstreamHandle, UpstreamResults)
    case trouble(Trouble, Evidence)
}

package enum Looked: Hashable, Sendable {
    /// `wait`: how long the provider asked us not to ask again.
    case running(percent: Int?, status: String?, wait: Duration?)
    case done(UpstreamResults)
    /// The provider does not know the job.
    case gone(Evidence)
    case trouble(Trouble, Evidence)
}

package enum Fetched: Hashable, Sendable {
    case have(UpstreamResults)
    case notYet
    case trouble(Trouble, Evidence)
}

package struct UpstreamResults: Hashable, Sendable {
    package enum Source: Hashable, Sendable {
        case url(String)
        case bytes([UInt8])
        /// Kept by us already, at this path.
        case file(String)
    }

    package let model: Source
    package let thumbnail: String?
    /// What the provider says it cost, in millionths of a US dollar.
    package let costMicrodollars: Int64?
    /// What it did otherwise than asked.
    package let notes: [Adjustment]

    package init(
        model: Source, thumbnail: String? = nil, costMicrodollars: Int64? = nil, notes: [Adjustment] = []
    ) {
        self.model = model
        self.thumbnail = thumbnail
        self.costMicrodollars = costMicrodollars
        self.notes = notes
    }
}

package enum Reconciled: Hashable, Sendable {
    /// It has the job.
    case accepted(UpstreamHandle)
    /// It says no, for certain: nothing was bought.
    case refused(Evidence)
    /// Its list does not know the job.
    case absent
    case unclear
}

package enum Called: Hashable, Sendable {
    /// It is the provider's, or cannot be told from one; the job's handle if it names one.
    case news(UpstreamHandle?)
    /// Its signature is missing or wrong.
    case forged
}
