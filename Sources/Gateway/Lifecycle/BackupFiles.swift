import API
import Dispatch
import Files
import Glibc

/// What a backup holds beside the database: a directory with `assets/`, as in the data directory, and `master.key`.
/// Without the key nobody reads what the database keeps sealed, webhook secrets above all; without the files its rows
/// speak of models that are not there.
struct BackupFiles: Sendable {
    let dataDirectory: String
    private static let queue = DispatchQueue(label: "backup.files", qos: .utility)

    /// On a thread of its own: it takes as long as the disks do.
    func keep(in directory: String, withKey: Bool) async -> Result<FilesKept, ActRefusal> {
        await withCheckedContinuation { continuation in
            Self.queue.async {
                do throws(FilesError) {
                    continuation.resume(returning: .success(try keepNow(in: directory, withKey: withKey)))
                } catch {
                    let why = "The database was copied, but not the files: \(error). Mend that and back up anew."
                    continuation.resume(returning: .failure(.refused(why)))
                }
            }
        }
    }

    private func keepNow(in directory: String, withKey: Bool) throws(FilesError) -> FilesKept {
        try KeptFiles.make(directory)
        let kept = try KeptFiles(from: dataDirectory + "/assets", to: directory + "/assets")
        let hasKey =
            withKey ? try KeptFiles.copy(dataDirectory + "/master.key", to: directory + "/master.key") : false
        try KeptFiles.sync(directory)
        return FilesKept(count: kept.count, bytes: kept.bytes, hasMasterKey: hasKey)
    }
}
