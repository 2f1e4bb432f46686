import Gateway
import JSON

extension Command {
    static let keeping: [Command] = [
        Command(
            words: ["reload"], summary: "make the running gateway read its settings again",
            detail: "The same as SIGHUP, but says what changed, or why nothing did.",
            action: .ask { _ in .post("/admin/v1/reload", [:]) }),
        Command(
            words: ["backup"], summary: "copy the database, the models and the master key",
            detail: """
                Works while the gateway runs. FILE becomes a copy of the database, verified before it gets its name; the
                directory FILE.files gets the pictures, the models and master.key, all of which a restore needs. Where
                it can, it links files instead of copying them. Several backups may share one directory by --files: each
                then brings only what is new. The settings are not in it.
                Example: trellis-gateway backup /backups/monday.db --files /backups/files
                """,
            arguments: [.init(name: "FILE", doc: "where the database's copy goes; must not exist yet")],
            options: [
                .init(name: "--files", value: "DIR", doc: "where pictures, models and key go, instead of FILE.files"),
                .init(name: "--database-only", doc: "no pictures, models or key: you copy those yourself"),
                .init(name: "--without-key", doc: "no master.key: you keep it in a safer place"),
            ],
            action: .ask { call in
                var fields: [(String, Field)] = [("path", .text(Terminal.absolute(try call.need("FILE"))))]
                if let files = call["--files"] { fields.append(("files", .text(Terminal.absolute(files)))) }
                if call.has("--database-only") {
                    guard call["--files"] == nil else {
                        throw UsageFault(message: "--files and --database-only exclude each other")
                    }
                    fields.append(("files", .null))
                }
                if call.has("--without-key") { fields.append(("master_key", .flag(false))) }
                return .send("POST", "/admin/v1/backup", fields)
            }),
        Command(
            words: ["restore"], summary: "put a backup in the place of the data; the gateway must not run",
            detail: """
                The database and the master key that are there are kept beside it, with the time in their names; what
                the backup lacks is told. The gateway then starts without buying anything until `release`.
                Example: trellis-gateway restore /backups/monday.db --files /backups/files
                """,
            arguments: [.init(name: "FILE", doc: "a file that `backup` wrote")],
            options: [
                .init(
                    name: "--files", value: "DIR", doc: "where `backup` put pictures, models and key, if not FILE.files"
                )
            ],
            action: .run { call in try Restore.run(call) }),
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
            detail: """
                Before its schema changes the database is copied to gateway.db.schema-N in the data directory, unless
                backup.before_upgrade is false. To go back: stop, put that copy in the place of gateway.db (and remove
                gateway.db-wal and gateway.db-shm), start the older version.
                """,
            options: [.init(name: "--dry-run", doc: "only say what would be done")],
            action: .run { call in
                let configuration = try call.configuration()
                let isDry = call.has("--dry-run")
                let done = try Gateway.migrate(configuration, dryRun: isDry)
                if call.wantsJSON {
                    var json = JSONWriter()
                    json.object { json in
                        json.member("dry_run", isDry)
                        json.array("migrations") { for step in done.applied { $0.string(step) } }
                        json.member("copy_before", done.copy)
                    }
                    Terminal.print(json.text)
                    return .done
                }
                if done.applied.isEmpty { Terminal.print("the database is up to date") }
                for step in done.applied { Terminal.print((isDry ? "would apply " : "applied ") + step) }
                if let copy = done.copy { Terminal.print("the database as it was before is \(copy)") }
                return .done
            }),
    ]
}
