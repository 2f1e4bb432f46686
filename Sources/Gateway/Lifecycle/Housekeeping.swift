import Domain
import Files
import Store
import Work

/// Keeps the house small: rows and files past their time go, a batch at a time, so that no batch is ever in the way.
struct Housekeeping: Sendable {
    let store: any Store
    let files: any Files
    let clock: RunClock
    let log: Log
    let retention: @Sendable () -> Retention

    /// Between two looks when there was little to do.
    private static let pause = Duration.seconds(60)
    /// A file that no row speaks of any more stays for this long after it was last kept: the same bytes may be on
    /// their way into another row.
    private static let fallowSeconds: Int64 = 30
    /// Between two looks for files that no row speaks of: those of runs that died, and the sandbox's pictures.
    private static let sweepPause = Duration.seconds(3600)
    /// Between two proofs of the whole ledger (LG-9), and before the first: a start itself looks only at what is new.
    private static let proofPause = Duration.seconds(6 * 3600)
    private static let firstProof = Duration.seconds(60)
    /// A file must be this old to be an orphan: younger ones may belong to a row that is just being written.
    private static let orphanSeconds: Int64 = 3600

    /// How exactly a list of keys says when each was last used.
    private static let betweenKeyNotes = Duration.seconds(60)

    /// Runs until its task is canceled.
    func run() async {
        var sweepAt = clock.now()
        var proveAt = clock.now() + Self.firstProof
        var noteKeysAt = clock.now()
        while !Task.isCancelled {
            let more = await cleanUp(now: clock.now())
            if clock.now() >= sweepAt {
                await sweep()
                sweepAt = clock.now() + Self.sweepPause
            }
            if clock.now() >= proveAt {
                await prove()
                proveAt = clock.now() + Self.proofPause
            }
            if clock.now() >= noteKeysAt {
                await noteKeyUse()
                noteKeysAt = clock.now() + Self.betweenKeyNotes
            }
            try? await Task.sleep(for: more ? .milliseconds(200) : Self.pause)
        }
    }

    /// One batch; true if there is more.
    func cleanUp(now: Instant) async -> Bool {
        do throws(StoreError) {
            let done = try await store.cleanUp(retention(), now: now)
            for name in done.files.compactMap({ FileName($0) }) {
                files.remove(name, olderThan: Self.fallowSeconds)
            }
            if done.tasks + done.events + done.files.count > 0 {
                log(
                    .debug, "cleaned up",
                    [
                        "tasks": LogValue(done.tasks), "files": LogValue(done.files.count),
                        "events": LogValue(done.events),
                    ])
            }
            return done.more
        } catch {
            if error != .closed { log(.warning, "could not clean up", ["error": "\(error)"]) }
            return false
        }
    }

    /// On a violation the store itself stops spending; here it is only told.
    func prove() async {
        do throws(StoreError) {
            let report = try await store.verifyLedger(against: nil)
            if let violation = report.violation {
                log(.error, "the ledger does not verify", ["violation": "\(violation.message)"])
            } else {
                log(.debug, "the ledger verifies", ["postings": LogValue(report.postings)])
            }
        } catch {
            if error != .closed { log(.warning, "could not verify the ledger", ["error": "\(error)"]) }
        }
    }

    func noteKeyUse() async {
        do throws(StoreError) {
            try await store.recordKeyUse()
        } catch {
            if error != .closed { log(.warning, "could not note which keys were used", ["error": "\(error)"]) }
        }
    }

    func sweep() async {
        do throws(StoreError) {
            let kept = try await store.keptFiles()
            let gone = files.sweep(keeping: kept, olderThan: Self.orphanSeconds)
            if gone > 0 { log(.info, "removed files that no row speaks of", ["count": LogValue(gone)]) }
        } catch {
            if error != .closed { log(.warning, "could not sweep", ["error": "\(error)"]) }
        }
    }
}
