extension Operation {
    static let submit = Operation(
        "submitGeneration", "Generations", "Generate a 3D model from a picture",
        """
        Give `image` (a data URI or base64) or `image_url`. Credits are deducted when the request is accepted and come \
        back by themselves if it fails, expires or is canceled. Every field that is wrong is listed at once; a \
        misspelt field is refused with the nearest known name.
        """,
        headers: [.idempotencyKey, .prefer, .webhookURL], request: "GenerationRequest",
        success: [
            .json(
                ##"{"anyOf":[{"$ref":"#/components/schemas/Accepted"},{"$ref":"#/components/schemas/TaskStatus"}]}"##,
                "Accepted: the task's id. With Prefer: wait, the final status if it came in time.",
                headers: [.charged, .remaining, .timing, .replayed])
        ], errors: [402, 409, 422])

    static let quote = Operation(
        "quoteGeneration", "Generations", "What a request would cost, and who could do it",
        "Takes the same body as a submit. Charges nothing and keeps nothing.", request: "GenerationRequest",
        success: [.json("Quote", "The price, and every provider with what stands in its way.")])

    static let readStatus = Operation(
        "readStatus", "Tasks", "The status of a task",
        """
        Stop at `FINISHED` or `FAILED`; canceled and expired tasks are `FAILED` too, with the exact word in `state`. \
        With `wait` the answer comes when the task changes, or when the time is up. Reading a status never counts \
        against a rate limit.
        """,
        query: [
            Item("wait", #"{"type":"integer","minimum":0,"maximum":60}"#, "Seconds to wait for a change."),
            Item(
                "after", #"{"type":"integer","minimum":0,"maximum":9007199254740991}"#,
                "The sequence you know: a later one is answered at once."),
        ], success: [.json("TaskStatus", "How the task stands.", headers: [.retryAfter])])

    static let readStatuses = Operation(
        "readStatuses", "Tasks", "The status of up to 100 tasks", request: "TaskList",
        success: [.json("StatusList", "Those that are yours, and the ids that are not.")])

    static let streamEvents = Operation(
        "streamEvents", "Tasks", "Every change of a task, as server-sent events",
        """
        Each event is named `status`, has the task's `sequence` as its id and the status body as its data. The \
        stream ends after the final one. A client that reconnects sends Last-Event-ID and is told where things stand.
        """,
        headers: [Item("Last-Event-ID", #"{"type":"string"}"#, "The last id seen. Anything else counts as none.")],
        success: [
            .events("The events; the status body is their data."),
            .empty("The task has ended and Last-Event-ID has seen the end."),
        ])

    static let cancel = Operation(
        "cancelTask", "Tasks", "Cancel a task",
        "The credits come back unless the work had been done. Canceling twice is canceling once.",
        success: [.json("TaskStatus", "Canceled.", headers: [.retryAfter])], errors: [409])

    static let receipt = Operation(
        "readReceipt", "Tasks", "The whole story of a task",
        "What was asked, who tried, what was adjusted and answered, and every posting of its money.",
        success: [.json("Receipt", "The story.")])

    static let listTasks = Operation(
        "listTasks", "Tasks", "Your tasks, newest first", query: [.status, .provider, .since, .cursor, .limit],
        success: [.json("TaskPage", "One page.")])

    static let readWallet = Operation(
        "readWallet", "Wallet", "Credits to spend, held and spent", success: [.json("Wallet", "The wallet.")])

    static let readLedger = Operation(
        "readLedger", "Wallet", "Your postings, newest first", query: [.numberedCursor, .limit],
        success: [.json("PostingPage", "One page.")])

    static let readStudioWallet = Operation(
        "readStudioWallet", "Wallet", "The wallet as 3D AI Studio words it",
        success: [.json("StudioWallet", "The balance as a decimal string.")])

    static let readOldStudioWallet = Operation(
        "readOldStudioWallet", "Wallet", "The same at its older address",
        success: [.json("StudioWallet", "The balance as a decimal string.")])

    static let readAccount = Operation(
        "readAccount", "Account", "Who am I, and what may I do", success: [.json("Account", "You.")])

    static let listProviders = Operation(
        "listProviders", "Account", "The providers, how they are and what each can do",
        success: [.json("ProviderList", "The providers you may use.")])

    private static let signature = [
        Item("expires", #"{"type":"integer"}"#, "Part of the address."),
        Item("name", #"{"type":"string"}"#, "Part of the address."),
        Item("signature", #"{"type":"string"}"#, "Part of the address."),
    ]

    static let readAsset = Operation(
        "readAsset", "Files", "A model or a thumbnail",
        "Use the address as a status answer gives it: it is signed, needs no key, and ends with the result.",
        query: signature,
        success: [
            .other("model/gltf-binary", "The file."), .other("model/gltf-binary", "A part of it.", status: 206),
            .empty("Unchanged.", status: 304),
        ], errors: [403, 410, 412, 416])

    static let readInput = Operation(
        "readInput", "Files", "A request's picture, for providers", query: signature,
        success: [
            .other("image/png", "The picture."), .other("image/png", "A part of it.", status: 206),
            .empty("Unchanged.", status: 304),
        ], errors: [403, 410, 412, 416])

    static let takeCallback = Operation(
        "takeCallback", "Files", "Where providers call back",
        "A hint only: the provider is asked before anything moves.",
        success: [.empty("Taken.")])

    static let readHealth = Operation(
        "readHealth", "Operations", "Is the gateway alive", success: [.json("Health", "It is.")])

    static let readReadiness = Operation(
        "readReadiness", "Operations", "Is the gateway ready for work",
        success: [.json("Readiness", "It is."), .json("Readiness", "It is not, and why.", status: 503)])

    static let readMetrics = Operation(
        "readMetrics", "Operations", "Metrics in the Prometheus text format",
        success: [.other("text/plain", "The metrics.")], errors: [401, 403])

    static let readOpenAPI = Operation(
        "readOpenAPI", "Operations", "This document",
        success: [.json(#"{"type":"object"}"#, "An OpenAPI 3.1 document.")])

    static let readDocs = Operation(
        "readDocs", "Operations", "This document for people", success: [.other("text/html", "One plain page.")])
}
