extension Operation {
    private static let tag = "Administration"

    static let createAccount = Operation(
        "createAccount", tag, "Create an account with a first key", request: "NewAccount",
        success: [.json("CreatedAccount", "Created. The key is shown this once.", status: 201)], errors: [409])

    static let listAccounts = Operation(
        "listAccounts", tag, "All accounts", query: [.cursor, .longLimit],
        success: [.json("Page", "One page.")])

    static let showAccount = Operation(
        "showAccount", tag, "One account, by id or name", success: [.json("AdminAccount", "The account.")])

    static let changeAccount = Operation(
        "changeAccount", tag, "Set limits, providers, the low-balance mark, or disable",
        "Null takes a figure back to the configuration's.", request: "AccountChange",
        success: [.json("AdminAccount", "The account as it is now.")])

    static let createKey = Operation(
        "createKey", tag, "Create a key", request: "NewKey",
        success: [.json("CreatedKey", "Created. The key is shown this once.", status: 201)])

    static let listKeys = Operation("listKeys", tag, "An account's keys", success: [.json("Page", "All of them.")])

    static let revokeKey = Operation(
        "revokeKey", tag, "Revoke a key", "Takes effect on the next request.",
        success: [.empty("Revoked.")], errors: [409])

    static let rotateKey = Operation(
        "rotateKey", tag, "Replace a key", "The old key works on until the overlap ends.", request: "Rotation",
        success: [.json("CreatedKey", "The successor. The key is shown this once.", status: 201)], errors: [409])

    static let grantCredits = Operation(
        "grantCredits", tag, "Grant credits, once per reference", request: "Grant",
        success: [
            .json("Posting", "Granted.", status: 201),
            .json("Posting", "This reference had been granted already; nothing moved.", headers: [.replayed]),
        ], errors: [409])

    static let adjustCredits = Operation(
        "adjustCredits", tag, "Give or take credits by hand", headers: [.idempotencyKey], request: "CreditAdjustment",
        success: [.json("Posting", "Done.", status: 201, headers: [.replayed])], errors: [409, 422])

    static let showWallet = Operation(
        "showWallet", tag, "An account's wallet", success: [.json("Wallet", "The wallet.")])

    static let showLedger = Operation(
        "showLedger", tag, "An account's postings, newest first", query: [.numberedCursor, .limit],
        success: [.json("PostingPage", "One page.")])

    static let verifyLedger = Operation(
        "verifyLedger", tag, "Fold the whole ledger and compare it with everything",
        query: [
            Item(
                "head", #"{"type":"string","pattern":"^[0-9]{1,15}:[0-9a-f]{64}$"}"#,
                "A head saved earlier: proves that nothing before it was changed or cut off.")
        ], success: [.json("LedgerReport", "The sums, and the first thing that is wrong, if anything is.")])

    static let searchTasks = Operation(
        "searchTasks", tag, "Tasks of all accounts",
        query: [
            Item("account", #"{"type":"string","minLength":1}"#, "Only this account's, by id or name."), .status,
            .provider, .since,
            .state, .cursor, .limit,
        ], success: [.json("Page", "One page.")])

    static let showTask = Operation(
        "showTask", tag, "A task with its attempts and what upstreams said", success: [.json("Receipt", "The story.")])

    static let cancelTask = Operation(
        "cancelAnyTask", tag, "Cancel a task", success: [.json("TaskStatus", "Canceled.", headers: [.retryAfter])],
        errors: [409])

    static let retryTask = Operation(
        "retryTask", tag, "Take the next step of a waiting task now", success: [.json("Message", "Done.")],
        errors: [409])

    static let resolveTask = Operation(
        "resolveTask", tag, "Decide about an unknown outcome",
        "`resubmit`: it was not bought, send it again. `fail`: give up and give the credits back. Look there first.",
        request: "Resolution", success: [.json("Message", "Done.")], errors: [409])

    static let surveyWebhooks = Operation(
        "surveyWebhooks", tag, "What waits to be told, and every endpoint",
        success: [.json(#"{"type":"object","required":["backlog","endpoints"]}"#, "The backlog and the endpoints.")])

    static let replayWebhooks = Operation(
        "replayWebhooks", tag, "Send again what had no success at an endpoint, or one event", request: "Replay",
        success: [.json(#"{"type":"object","required":["replayed"]}"#, "How many are sent again.")], errors: [409])

    static let surveyProviders = Operation(
        "surveyProviders", tag, "Providers with health, load, cost and last fault",
        success: [.json("Page", "All of them.")])

    static let enableProvider = Operation(
        "enableProvider", tag, "Send work to a provider again",
        "Goes over the configuration until it says the same. One that has no key is refused.",
        success: [.json("Message", "Done.")], errors: [409])

    static let disableProvider = Operation(
        "disableProvider", tag, "Send no more work to a provider",
        "Jobs that run there are followed to their end.", success: [.json("Message", "Done.")])

    static let testProvider = Operation(
        "testProvider", tag, "Make one cheap real call to a provider",
        success: [.json("ProviderTest", "What came of it.")],
        errors: [409])

    static let readStatistics = Operation(
        "readStatistics", tag, "Tasks, times, credits and cost by provider and day",
        query: [
            Item(
                "since", #"{"type":"string","format":"date-time"}"#, "Only attempts that ended at or after this time."),
            Item("until", #"{"type":"string","format":"date-time"}"#, "Only attempts that ended before this time."),
        ], success: [.json("Page", "All rows.")])

    static let readAudit = Operation(
        "readAudit", tag, "Every admin act, newest first", query: [.numberedCursor, .longLimit],
        success: [.json("Page", "One page.")])

    static let backUp = Operation(
        "backUp", tag, "Copy database, models and master key to the gateway's own machine",
        "`files` is a directory, by default the path with `.files` behind it; null: the database alone.",
        request: "Backup", success: [.json("BackedUp", "Done.")], errors: [409])

    static let reload = Operation(
        "reload", tag, "Read the configuration again, all of it or none",
        success: [.json("Reloaded", "What changed.")], errors: [409])

    static let release = Operation(
        "release", tag, "Let a restored backup buy again",
        "After a restore nothing is sent to providers until an operator has looked at what was under way.",
        success: [.json("Message", "Released.")], errors: [409])
}
