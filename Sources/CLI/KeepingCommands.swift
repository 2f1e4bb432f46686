import Gateway

extension Command {
    static let keeping: [Command] = [
        Command(
            words: ["reload"], summary: "make the running gateway read its settings again",
            detail: "The same as SIGHUP, but says what changed, or why nothing did.",
            action: .ask { _ in .post("/admin/v1/reload", [:]) }),
        Command(
            words: ["backup"], summary: "write a consistent copy of the database, verified before it gets its name",
            detail: "Works while the gateway runs. Restore it with `trellis-gateway restore FILE`.",
            arguments: [.init(name: "FILE", doc: "where to write it; must not exist yet")],
            action: .ask { call in
                .post("/admin/v1/backup", ["path": .text(Terminal.absolute(try call.need("FILE")))])
            }),
        Command(
            words: ["restore"], summary: "put a backup in the place of the database; the gateway must not run",
            detail: "The database that is there is kept beside it, with the time in its name.",
            arguments: [.init(name: "FILE", doc: "a file that `backup` wrote")],
            action: .run { call in
                let configuration = try call.configuration()
                let kept = try Gateway.restore(try call.need("FILE"), into: configuration)
                Terminal.print("restored into \(configuration.dataDirectory)")
                if let kept { Terminal.print("the database that was there is now \(kept)") }
                return .done
            }),
        Command(
            words: ["release"], summary: "let a restored backup buy again",
            detail: """
                A restored database sends nothing to providers at first: what it has queued may long have been bought
                by the gateway it was taken from. Look at `tasks list --state queued` and at the providers' own lists,
                cancel what was done already, then release.
                """,
            action: .ask { _ in .post("/admin/v1/release", [:]) }),
        Command(
            words: ["migrate"], summary: "bring the database to this version's schema; serve does it by itself",
            options: [.init(name: "--dry-run", doc: "only say what would be done")],
            action: .run { call in
                let configuration = try call.configuration()
                let steps = try Gateway.migrate(configuration, dryRun: call.has("--dry-run"))
                if steps.isEmpty { Terminal.print("the database is up to date") }
                for step in steps { Terminal.print((call.has("--dry-run") ? "would apply " : "applied ") + step) }
                return .done
            }),
    ]
}
