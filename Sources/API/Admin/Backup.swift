import HTTP
import JSON
import Store

extension API {
    /// A consistent copy of the database while work goes on, verified before it gets its name; beside it, unless
    /// `files` is null, a directory with the pictures, the models and the master key. A restore needs all of them.
    @Sendable func backUp(_ call: Call) async throws(Refusal) -> HTTPResponse {
        var fields = try Fields(call.request.body)
        let isAlone = try Fields.nulls(in: call.request.body).contains("files")
        let path = fields.required("path") { $0.text("path", lengths: 1...4096) }
        let files = fields.text("files", lengths: 1...4096)
        let withKey = fields.flag("master_key") ?? true
        for (name, value) in [("path", path), ("files", files)] {
            guard let value, !value.hasPrefix("/") || value.utf8.contains(0) else { continue }
            fields.fault(FieldFault(name, "\(name) must be absolute, on the gateway's own machine."))
        }
        fields.refuse(allBut: ["path", "files", "master_key"])
        try fields.check()
        guard let path else { throw .broken("a backup without a path passed its checks") }
        try await ask { () async throws(StoreError) in try await store.backup(to: path) }
        let directory = isAlone ? nil : files ?? path + ".files"
        var kept: FilesKept?
        // After the database: whatever its rows speak of was there by then.
        if let directory { kept = try act(await around.acts.keepFiles(directory, withKey)) }
        try await note(call, "backup", "file:\(path)", directory.map { "files \($0)" } ?? "database only")
        var json = JSONWriter()
        json.object {
            $0.member("message", Self.covered(by: kept, in: directory))
            $0.member("path", path)
            $0.member("files", directory)
            $0.member("file_count", kept?.count)
            $0.member("file_bytes", kept?.bytes)
            $0.member("master_key", kept?.hasMasterKey ?? false)
        }
        return HTTPResponse(.ok, headers: Self.jsonHeaders, body: .bytes(json.bytes))
    }

    /// What is in the backup and, louder, what is not.
    private static func covered(by kept: FilesKept?, in directory: String?) -> String {
        guard let kept, let directory else {
            return
                "Backed up the database ALONE. Not in it: pictures and models (assets/) and master.key. Without them "
                + "a restored gateway cannot hand out results or read webhook secrets: keep copies of both."
        }
        let key =
            kept.hasMasterKey
            ? "and master.key: keep that directory as safe as the key itself."
            : "but NOT master.key: without it webhook secrets cannot be read after a restore; keep a copy of it elsewhere."
        return "Backed up the database, and to \(directory) \(kept.count) pictures and models, \(key)"
    }
}
