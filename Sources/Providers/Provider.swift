import Domain
import HTTP
import JSON

/// One upstream, read like a table: what it is called, what it takes, how it is asked and how its answers are read.
///
/// A provider touches nothing. It builds requests and reads replies; sending, waiting and remembering are done
/// elsewhere. Where an upstream does what most do, its file has a row; only what is odd about it is code (`OddParts`).
package struct Provider: Sendable {
    package let id: ProviderID
    /// As people call it.
    package let name: String
    /// Scheme and host; every path below is appended to it.
    package let baseURL: String
    package let authentication: Authentication
    package let picture: PictureRule
    /// One row for each canonical parameter, no more and no less; a test sees to that.
    package let rows: [Row]
    /// What every submit carries besides the rows, such as the model's name.
    package let constants: [Constant]
    /// Where jobs are submitted, by POST.
    package let submitPath: String
    /// Where the answer to a submit has the job's id: the first of these that is there.
    package let idFields: [String]
    /// Where a job is looked at, by GET; `{id}` stands for its id.
    package let lookPath: String
    /// What the words of its `status` mean. Any other word means that the job goes on.
    package let states: [String: JobState]
    /// What its `progress` says when the job is done: 100, or 1; nil when it has none.
    package let fullProgress: Double?
    package let faults: [FaultRule]
    package let callback: CallbackRule
    /// Whether sending the same submit again can never buy twice.
    package let resendIsSafe: Bool
    package let prices: UpstreamPrices
    package let durations: TypicalDurations
    package let limits: CallLimits
    /// How long it keeps a result for us to fetch; nil when it does not say.
    package let keepsResults: Duration?
    let odd: OddParts

    init(
        id: ProviderID, name: String, baseURL: String, authentication: Authentication, picture: PictureRule,
        rows: [Row], constants: [Constant] = [], submitPath: String, idFields: [String], lookPath: String,
        states: [String: JobState], fullProgress: Double? = nil, faults: [FaultRule] = [],
        callback: CallbackRule = .none, resendIsSafe: Bool = false, prices: UpstreamPrices,
        durations: TypicalDurations, limits: CallLimits, keepsResults: Duration?, odd: OddParts = OddParts()
    ) {
        self.id = id
        self.name = name
        self.baseURL = baseURL
        self.authentication = authentication
        self.picture = picture
        self.rows = rows
        self.constants = constants
        self.submitPath = submitPath
        self.idFields = idFields
        self.lookPath = lookPath
        self.states = states
        self.fullProgress = fullProgress
        self.faults = faults
        self.callback = callback
        self.resendIsSafe = resendIsSafe
        self.prices = prices
        self.durations = durations
        self.limits = limits
        self.keepsResults = keepsResults
        self.odd = odd
    }

    package static subscript(_ id: ProviderID) -> Provider? { all.first { $0.id == id } }

    package func row(_ parameter: Parameter) -> Row? { rows.first { $0.parameter == parameter } }
}

/// How a key is shown: `Authorization: Bearer K`, say.
package enum Authentication: Sendable, Hashable {
    case none
    case header(String, prefix: String)

    static let bearer = Authentication.header("Authorization", prefix: "Bearer ")
}

/// How a provider takes the picture.
package enum PictureRule: Sendable, Hashable {
    /// Only an address that it can reach.
    case addressOnly(field: String)
    /// An address in one field, a data URI in another (or the same).
    case addressOrData(address: String, data: String)

    package var takesBytes: Bool {
        switch self {
        case .addressOnly: false
        case .addressOrData: true
        }
    }
}

package struct Constant: Sendable, Hashable {
    let path: String
    let value: JSONValue

    init(_ path: String, _ value: JSONValue) {
        self.path = path
        self.value = value
    }
}

package enum JobState: Sendable, Hashable { case waiting, running, done, failed }

/// How a provider is asked to call back.
package enum CallbackRule: Sendable, Hashable {
    case none
    case header(String)
    case query(String)
    case field(String)

    package var exists: Bool { self != .none }
}

/// What a provider bears.
package struct CallLimits: Sendable, Hashable {
    /// Jobs at once, unless the config says otherwise.
    package let concurrency: Int
    /// Calls a minute for one key, submits and looks together; nil when nothing is published.
    package let requestsPerMinute: Int?
    /// The longest answer worth reading: a status is short, whoever sends more is broken or hostile.
    package let replyBytes: Int

    init(concurrency: Int, requestsPerMinute: Int? = nil, replyBytes: Int = 1 << 20) {
        self.concurrency = concurrency
        self.requestsPerMinute = requestsPerMinute
        self.replyBytes = replyBytes
    }
}

/// The parts of a provider that no row can say. What is nil is done the table's way.
struct OddParts: Sendable {
    typealias Settings = ProviderSettings

    /// More headers for a submit.
    var headers: (@Sendable (UpstreamJob) -> Headers)?
    /// The last word on a submit's body.
    var body: (@Sendable (WireValue, UpstreamJob) -> WireValue)?
    var readSubmission: (@Sendable (Answer, UpstreamJob) -> SubmitAnswer)?
    var look: (@Sendable (UpstreamHandle, Settings) -> OutgoingRequest)?
    var readLook: (@Sendable (Answer, UpstreamHandle, Duration) -> LookAnswer)?
    /// Reads what `LookAnswer.fetch` asked for.
    var readResult: (@Sendable (Answer, UpstreamHandle, Duration) -> LookAnswer)?
    /// Where a finished job's answer has its model.
    var result: (@Sendable (Answer) -> UpstreamResult?)?
    var cancel: (@Sendable (UpstreamHandle, Settings) -> OutgoingRequest)?
    var reconcile: (@Sendable (ReconcileWindow, Settings) -> OutgoingRequest)?
    var readReconciliation: (@Sendable (Answer, UpstreamJob) -> Reconciliation)?
    var readCallback: (@Sendable (Answer) -> CallbackHint?)?
    var proof: CallbackProof?
    var balance: (@Sendable (_ token: String, Settings) -> OutgoingRequest)?
    var readBalance: (@Sendable (Answer) -> Balance?)?
}
