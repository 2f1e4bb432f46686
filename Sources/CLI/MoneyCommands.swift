import JSON

extension Command {
    static let money: [Command] = [
        Command(
            words: ["credits", "grant"], summary: "give an account credits",
            detail: """
                The reference names the grant, such as an invoice number: the same reference again grants nothing and
                answers the first grant, so a retried command is safe.
                Example: trellis-gateway credits grant --account shop 500 --reference invoice-2026-17
                """,
            arguments: [.init(name: "AMOUNT", doc: "credits, a whole number above zero")],
            options: [account, .init(name: "--reference", value: "REF", doc: "what it is for", isRequired: true)],
            action: .ask { call in
                var request = AdminRequest.post(
                    "\(try ofAccount(call))/credits",
                    ["amount": .whole(try call.whole("AMOUNT")), "reference": .text(try call.need("--reference"))])
                request.remark = { answer in
                    answer.status == 201 ? nil : "this reference was granted before, as shown; nothing was moved now"
                }
                return request
            }),
        Command(
            words: ["credits", "adjust"], summary: "correct an account's balance, up or down",
            detail: """
                Never below zero. The reason is kept in the ledger and in the audit.
                Example: trellis-gateway credits adjust --account shop -50 --reason "granted twice"
                """,
            arguments: [.init(name: "AMOUNT", doc: "credits to add, or to take away when below zero")],
            options: [account, .init(name: "--reason", value: "TEXT", doc: "why, for the ledger", isRequired: true)],
            action: .ask { call in
                .post(
                    "\(try ofAccount(call))/adjust",
                    ["amount": .whole(try call.whole("AMOUNT")), "reason": .text(try call.need("--reason"))])
            }),
        Command(
            words: ["credits", "balance"], summary: "show an account's wallet", options: [account],
            action: .ask { call in .get("\(try ofAccount(call))/wallet") }),
        Command(
            words: ["credits", "ledger"], summary: "list an account's postings, newest first",
            options: [account] + paging(50, of: 100),
            action: .ask { call in
                .get(
                    "\(try ofAccount(call))/ledger"
                        + Path.query(["limit": call["--limit"], "cursor": call["--cursor"]]),
                    columns: [
                        "sequence", "at", "kind", "amount", "debit", "credit", "task_id", "reference", "balance_after",
                    ])
            }),
        Command(
            words: ["credits", "verify"], summary: "check the whole ledger",
            detail: """
                Folds every posting, compares the sums with the balances, and walks the hash chain. Exit code 0 and the
                sums when all is well, else 1 and the first row that is wrong. Keep the printed head: given again with
                --head it proves that nothing before it was changed.
                """,
            options: [.init(name: "--head", value: "SEQ:HASH", doc: "a head printed before")],
            action: .ask { call in
                var request = AdminRequest.get("/admin/v1/ledger/verify" + Path.query(["head": call["--head"]]))
                request.objection = { answer in
                    guard let violation = answer.value["violation"], !violation.isNull else { return nil }
                    let message = violation["message"]?.string ?? violation.description
                    let row = violation["sequence"]?.integer.map { " at posting \($0)" } ?? ""
                    let invariant = violation["invariant"]?.string.map { "\($0): " } ?? ""
                    return "the ledger does not verify\(row): \(invariant)\(message)"
                }
                return request
            }),
    ]

    static func paging(_ standard: Int, of most: Int) -> [Option] {
        [
            .init(
                name: "--limit", value: "N", doc: "rows to show at once, \(most) at most (\(standard) unless you say)"),
            .init(name: "--cursor", value: "CURSOR", doc: "go on where the last page ended: its next_cursor"),
        ]
    }

    private static let account = Option(name: "--account", value: "NAME", doc: "whose credits", isRequired: true)

    private static func ofAccount(_ call: Invocation) throws(UsageFault) -> String {
        "/admin/v1/accounts/\(Path.part(try call.need("--account")))"
    }
}
