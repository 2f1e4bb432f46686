extension Command {
    static let accounts: [Command] = [
        Command(
            words: ["accounts", "create"], summary: "make an account with its first key",
            detail: "The key is shown this once. Example: trellis-gateway accounts create shop --credits 500",
            arguments: [.init(name: "NAME", doc: "what to call it: 1 to 64 characters, not in use yet")],
            options: [.init(name: "--credits", value: "N", doc: "grant N credits at once")],
            action: .ask { call in
                var request = AdminRequest.post(
                    "/admin/v1/accounts",
                    ["name": .text(try call.need("NAME")), "credits": .whole(try call.whole("--credits"))])
                request.mayBegin = true
                return request
            }),
        Command(
            words: ["accounts", "list"], summary: "list the accounts", options: paging(100, of: 500),
            action: .ask { call in
                .get(
                    "/admin/v1/accounts" + Path.query(["limit": call["--limit"], "cursor": call["--cursor"]]),
                    columns: ["id", "name", "balance", "held", "spent", "disabled"])
            }),
        Command(
            words: ["accounts", "show"], summary: "show one account: its credits and its limits",
            detail: "A limit that is - is the configuration's: see `check`, or `help limits`.", arguments: [name],
            action: .ask { call in .get("/admin/v1/accounts/\(Path.part(try call.need("NAME")))") }),
        Command(
            words: ["accounts", "set"], summary: "change an account's limits, or disable it",
            detail: """
                What is not named stays. `none` puts a limit back to the configuration's, and --providers to all.
                Example: trellis-gateway accounts set shop --concurrent-tasks 20 --providers fal,runware
                """,
            arguments: [name],
            options: [
                .init(name: "--disabled", value: "YES|NO", doc: "whether its keys are refused"),
                .init(
                    name: "--requests-per-minute", value: "N", doc: "how many submits, quotes and cancels it may make"),
                .init(name: "--concurrent-tasks", value: "N", doc: "how many unfinished tasks it may have"),
                .init(name: "--providers", value: "LIST", doc: "the only providers it may use, such as fal,runware"),
                .init(name: "--low-balance", value: "N", doc: "its webhooks hear wallet.low below N credits"),
            ],
            action: .ask { call in
                var limits: [(String, Field)] = []
                for (flag, field) in [
                    ("--requests-per-minute", "requests_per_minute"), ("--concurrent-tasks", "concurrent_tasks"),
                    ("--low-balance", "low_balance"),
                ] {
                    guard let text = call[flag] else { continue }
                    limits.append((field, text == "none" ? .null : .whole(try call.whole(flag))))
                }
                if let list = call["--providers"] {
                    limits.append(("providers", list == "none" ? .null : .list(list)))
                }
                if let disabled = call["--disabled"] {
                    guard ["yes", "no"].contains(disabled) else {
                        throw UsageFault(message: "--disabled must be yes or no; got \"\(disabled)\"")
                    }
                    limits.append(("disabled", .flag(disabled == "yes")))
                }
                guard !limits.isEmpty else { throw UsageFault(message: "nothing to change is named") }
                return .send("PATCH", "/admin/v1/accounts/\(Path.part(try call.need("NAME")))", limits)
            }),
        Command(
            words: ["keys", "create"], summary: "make another key for an account",
            detail: """
                The key is shown this once. Scopes: user submits and looks, read only looks, admin operates the gateway
                and cannot submit.
                Example: trellis-gateway keys create --account shop --scope read --label dashboard --expires-in 90d
                """,
            options: [
                .init(name: "--account", value: "NAME", doc: "whose key it is", isRequired: true),
                .init(name: "--scope", value: "SCOPE", doc: "user (default), read or admin"),
                .init(name: "--label", value: "TEXT", doc: "what it is for, as lists show it"),
                .init(
                    name: "--expires-in", value: "TIME", doc: "such as 12h or 90d; without it the key does not expire"),
                .init(name: "--spend-cap", value: "N", doc: "credits it may spend in all"),
            ],
            action: .ask { call in
                let scope = call["--scope"] ?? "user"
                guard ["user", "read", "admin"].contains(scope) else {
                    throw UsageFault(message: "--scope must be user, read or admin; got \"\(scope)\"")
                }
                return .post(
                    "/admin/v1/accounts/\(Path.part(try call.need("--account")))/keys",
                    [
                        "scope": .text(scope), "label": .text(call["--label"] ?? "command line"),
                        "expires_in": .whole(try call.seconds("--expires-in")),
                        "spend_cap": .whole(try call.whole("--spend-cap")),
                    ])
            }),
        Command(
            words: ["keys", "list"], summary: "list an account's keys",
            options: [.init(name: "--account", value: "NAME", doc: "whose keys", isRequired: true)],
            action: .ask { call in
                .get(
                    "/admin/v1/accounts/\(Path.part(try call.need("--account")))/keys",
                    columns: [
                        "id", "scope", "label", "last_four", "spend_cap", "created_at", "last_used_at", "expires_at",
                        "revoked_at",
                    ])
            }),
        Command(
            words: ["keys", "revoke"], summary: "end a key at once", detail: "The next request with it is refused.",
            arguments: [key],
            action: .ask { call in .post("/admin/v1/keys/\(Path.part(try call.need("KEY_ID")))/revoke", [:]) }),
        Command(
            words: ["keys", "rotate"], summary: "make a key's successor; the old one ends after an overlap",
            detail: "The new key is shown this once, and has the scope, label and cap of the old one.",
            arguments: [key],
            options: [
                .init(name: "--overlap", value: "TIME", doc: "how long both work, such as 24h (default), 7d at most")
            ],
            action: .ask { call in
                .post(
                    "/admin/v1/keys/\(Path.part(try call.need("KEY_ID")))/rotate",
                    ["overlap_seconds": .whole(try call.seconds("--overlap") ?? 86_400)])
            }),
    ]

    private static let name = Argument(name: "NAME", doc: "the account's name or id")
    private static let key = Argument(name: "KEY_ID", doc: "the key's id, from `keys list`")
}
