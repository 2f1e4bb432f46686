import Providers

/// What the document says of one endpoint beyond what the route table already knows.
struct Operation: Sendable {
    struct Item: Sendable {
        let name: String
        let schema: String
        let words: String

        init(_ name: String, _ schema: String, _ words: String) {
            self.name = name
            self.schema = schema
            self.words = words
        }
    }

    struct Success: Sendable {
        let status: Int
        let words: String
        let contentType: String?
        /// A component's name, or JSON text that begins with a brace.
        let schema: String?
        let headers: [Item]

        static func json(_ schema: String, _ words: String, status: Int = 200, headers: [Item] = []) -> Success {
            Success(status: status, words: words, contentType: "application/json", schema: schema, headers: headers)
        }

        static func other(_ contentType: String, _ words: String, status: Int = 200, headers: [Item] = []) -> Success {
            Success(
                status: status, words: words, contentType: contentType, schema: #"{"type":"string"}"#, headers: headers)
        }

        /// Server-sent events, as a reader has them: name, id and data.
        static func events(_ words: String) -> Success {
            Success(
                status: 200, words: words, contentType: "text/event-stream",
                schema: """
                    {"type":"object","required":["data"],"properties":{"event":{"type":"string","enum":["status"]},
                    "id":{"type":"string"},"data":{"type":"string"}}}
                    """, headers: [])
        }

        static func empty(_ words: String, status: Int = 204) -> Success {
            Success(status: status, words: words, contentType: nil, schema: nil, headers: [])
        }
    }

    let id: String
    let tag: String
    let summary: String
    let words: String
    let query: [Item]
    let headers: [Item]
    let request: String?
    let success: [Success]
    /// Refusals beyond those every endpoint of its kind can make.
    let errors: [Int]

    init(
        _ id: String, _ tag: String, _ summary: String, _ words: String = "", query: [Item] = [], headers: [Item] = [],
        request: String? = nil, success: [Success], errors: [Int] = []
    ) {
        self.id = id
        self.tag = tag
        self.summary = summary
        self.words = words
        self.query = query
        self.headers = headers
        self.request = request
        self.success = success
        self.errors = errors
    }
}

extension Operation.Item {
    static let limit = Operation.Item(
        "limit", #"{"type":"integer","minimum":1,"maximum":100,"default":50}"#, "Items a page.")
    static let longLimit = Operation.Item(
        "limit", #"{"type":"integer","minimum":1,"maximum":500,"default":100}"#, "Items a page.")
    static let cursor = Operation.Item(
        "cursor", #"{"type":"string","anyOf":[{"format":"uuid"},{"const":""}]}"#, "next_cursor of the page before.")
    static let numberedCursor = Operation.Item(
        "cursor", #"{"type":"string","pattern":"^[0-9]{0,18}$"}"#, "next_cursor of the page before.")
    static let status = Operation.Item("status", states, "Only tasks that stand so: a public word or an exact state.")
    static let state = Operation.Item("state", states, "The same as status.")
    private static let states =
        #"{"type":"string","enum":["PENDING","IN_PROGRESS","FINISHED","FAILED","queued","submitting","unknown","running","fetching","finished","failed","canceled","expired"]}"#
    static let provider = Operation.Item(
        "provider", #"{"type":"string","enum":[\#(providers)]}"#, "Only tasks of this provider.")
    private static let providers = Provider.all.map { "\"\($0.id)\"" }.joined(separator: ",")
    static let since = Operation.Item(
        "since", #"{"type":"string","format":"date-time"}"#, "Only tasks created at or after this time.")
    static let idempotencyKey = Operation.Item(
        "Idempotency-Key", #"{"type":"string","minLength":1,"maxLength":255}"#,
        "Makes a retry safe: the same key with the same fields answers the first result and charges nothing.")
    static let prefer = Operation.Item(
        "Prefer", #"{"type":"string"}"#,
        "wait=SECONDS (at most 60): answer with the final status if it comes in time.")
    static let webhookURL = Operation.Item(
        "X-Webhook-URL", #"{"type":"string","format":"uri","maxLength":8192}"#, "The same as the field webhook_url.")
    static let charged = Operation.Item("X-Credits-Charged", #"{"type":"integer"}"#, "Credits taken for this request.")
    static let remaining = Operation.Item("X-Credits-Remaining", #"{"type":"integer"}"#, "Credits left in the wallet.")
    static let timing = Operation.Item("Server-Timing", #"{"type":"string"}"#, "The gateway's own time.")
    static let replayed = Operation.Item(
        "Idempotent-Replayed", #"{"type":"string","enum":["true"]}"#, "This is an earlier answer once more.")
    static let retryAfter = Operation.Item(
        "Retry-After", #"{"type":"integer"}"#, "Seconds until it is worth asking again.")
}
