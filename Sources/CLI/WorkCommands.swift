import JSON

extension Command {
    static let work: [Command] = [
        Command(
            words: ["tasks", "list"], summary: "list tasks, newest first",
            options: [
                .init(
                    name: "--state", value: "STATE",
                    doc:
                        "only queued, submitting, unknown, running, fetching, finished, failed, canceled or expired ones"
                ),
                .init(name: "--account", value: "NAME", doc: "only this account's"),
                .init(name: "--provider", value: "ID", doc: "only those at this provider"),
                .init(name: "--since", value: "TIME", doc: "only those made since, such as 2026-11-21T00:00:00Z"),
            ] + paging(50, of: 100),
            action: .ask { call in
                .get(
                    "/admin/v1/tasks"
                        + Path.query([
                            "state": call["--state"], "account": call["--account"], "provider": call["--provider"],
                            "since": call["--since"], "limit": call["--limit"], "cursor": call["--cursor"],
                        ]),
                    columns: [
                        "task_id", "account", "state", "progress", "provider", "created_at", "finished_at", "credits",
                    ])
            }),
        Command(
            words: ["tasks", "show"], summary: "show one task with its attempts and what the providers said",
            arguments: [task],
            action: .ask { call in .get("/admin/v1/tasks/\(Path.part(try call.need("TASK_ID")))") }),
        Command(
            words: ["tasks", "cancel"], summary: "cancel a task and refund it",
            detail: "The provider is told too, where it can be. A task whose work is done stays as it is.",
            arguments: [task],
            action: .ask { call in .post("/admin/v1/tasks/\(Path.part(try call.need("TASK_ID")))/cancel", [:]) }),
        Command(
            words: ["tasks", "retry"], summary: "put a task that waits for its next try to work now",
            detail: "Takes the next step at once: sends what is queued, looks at what runs, fetches what is done.",
            arguments: [task],
            action: .ask { call in .post("/admin/v1/tasks/\(Path.part(try call.need("TASK_ID")))/retry", [:]) }),
        Command(
            words: ["tasks", "resolve"], summary: "decide about a submit of unknown outcome",
            detail: """
                A submit is unknown when it was sent and no answer came: the provider may have taken the work, and the
                money. Look there first, then say what was found.
                """,
            arguments: [task],
            options: [
                .init(
                    name: "--action", value: "WHAT",
                    doc: "resubmit: the provider has no such job; fail: give up and refund",
                    isRequired: true)
            ],
            action: .ask { call in
                .post(
                    "/admin/v1/tasks/\(Path.part(try call.need("TASK_ID")))/resolve",
                    ["action": .text(try call.need("--action"))])
            }),
        Command(
            words: ["webhooks", "list"], summary: "show the endpoints, what waits, and what failed",
            action: .ask { _ in .get("/admin/v1/webhooks") }),
        Command(
            words: ["webhooks", "replay"], summary: "send again what an endpoint did not take, or one event",
            detail: """
                Endpoints and their ids are listed by `webhooks list`. What was delivered is not sent again, except an
                event that is named by its webhook-id: that one goes to all who were to be told, or to one endpoint.
                Example: trellis-gateway webhooks replay --endpoint ID --since 2026-11-20T00:00:00Z
                Example: trellis-gateway webhooks replay --event WEBHOOK_ID
                """,
            options: [
                .init(name: "--endpoint", value: "ID", doc: "whose deliveries"),
                .init(name: "--event", value: "ID", doc: "only this event, delivered or not: a receiver's webhook-id"),
                .init(name: "--since", value: "TIME", doc: "such as 2026-11-21T00:00:00Z; else of two weeks"),
                .init(name: "--until", value: "TIME", doc: "events until then; else until now"),
            ],
            action: .ask { call in
                .post(
                    "/admin/v1/webhooks/replay",
                    [
                        "endpoint": .text(call["--endpoint"]), "event": .text(call["--event"]),
                        "since": .text(call["--since"]), "until": .text(call["--until"]),
                    ])
            }),
        Command(
            words: ["providers", "list"], summary: "list the providers with their health",
            action: .ask { _ in
                .get(
                    "/admin/v1/providers",
                    columns: [
                        "id", "enabled", "breaker", "running", "concurrency", "typical_seconds", "cost_dollars",
                        "last_fault",
                        "note",
                    ])
            }),
        Command(
            words: ["providers", "enable"], summary: "let a provider take work again, and close its breaker",
            detail: "Goes over the configuration until that says the same, and outlives restarts.",
            arguments: [provider],
            action: .ask { call in .post("/admin/v1/providers/\(Path.part(try call.need("ID")))/enable", [:]) }),
        Command(
            words: ["providers", "disable"], summary: "give a provider no new work; what runs there is followed",
            detail: "Goes over the configuration until that says the same, or `providers enable`; outlives restarts.",
            arguments: [provider],
            action: .ask { call in .post("/admin/v1/providers/\(Path.part(try call.need("ID")))/disable", [:]) }),
        Command(
            words: ["providers", "test"], summary: "make a cheap real call to a provider with the configured key",
            detail: """
                Buys nothing: asks for what is left there, or for a job that does not exist. Ends with 1 when the provider
                does not answer as it should.
                """,
            arguments: [provider],
            action: .ask { call in
                var request = AdminRequest.post("/admin/v1/providers/\(Path.part(try call.need("ID")))/test", [:])
                request.objection = { answer in
                    guard answer.value["ok"]?.bool != true else { return nil }
                    return answer.value["message"]?.string ?? "the provider did not answer as it should"
                }
                return request
            }),
        Command(
            words: ["stats"], summary: "tasks, success, durations, credits, cost and margin by provider and day",
            detail: """
                Margin is credits times prices.credit_dollars, less what the providers cost; attempts whose cost nobody
                told are counted in unknown_costs. Money is in US dollars, with --json in millionths of one.
                """,
            options: [
                .init(name: "--since", value: "TIME", doc: "such as 2026-11-21T00:00:00Z; else 30 days ago"),
                .init(name: "--until", value: "TIME", doc: "such as 2026-11-21T00:00:00Z; else now"),
            ],
            action: .ask { call in
                .get("/admin/v1/stats" + Path.query(["since": call["--since"], "until": call["--until"]]))
            }),
        Command(
            words: ["audit"], summary: "list what operators did, newest first", options: paging(100, of: 500),
            action: .ask { call in
                .get(
                    "/admin/v1/audit" + Path.query(["limit": call["--limit"], "cursor": call["--cursor"]]),
                    columns: ["at", "actor", "act", "subject", "detail"])
            }),
    ]

    private static let task = Argument(name: "TASK_ID", doc: "the task's id")
    private static let provider = Argument(name: "ID", doc: "the provider's id, such as fal")
}
