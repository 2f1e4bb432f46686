import Domain
import Files
import HTTP
import HTTPClient
import Sandbox
import Synchronization
import Work

/// The sandbox with what it needs of the house: files to keep pictures in, a way to fetch one.
final class SandboxRoom: Sendable {
    private let sandbox: Mutex<Sandbox>

    /// Fetches pictures with `client` by the rules that `policy` gives at the time.
    init(
        duration: Duration, files: any Files, clock: RunClock, client: HTTPClient, pictureBytes: Int,
        policy: @escaping @Sendable () -> CallPolicy
    ) {
        let fetch: @Sendable (String) async -> [UInt8]? = { url in
            var policy = policy()
            policy.redirects = 3
            policy.totalTimeout = .seconds(10)
            policy.body = .fail(above: Int64(pictureBytes))
            guard case .success(let answer) = await client.send(OutgoingRequest(.get, url), policy: policy),
                answer.reply.status.isSuccess
            else { return nil }
            return answer.reply.body
        }
        sandbox = Mutex(
            Sandbox(
                duration: duration.inSeconds, clock: { clock.now().milliseconds },
                // Kept among the other pictures: no row speaks of it, so the sweep takes it when the job is long over.
                keep: { bytes in try? files.keep(bytes).sha256 },
                load: { name in FileName(name).flatMap { files.path(of: $0) }.flatMap(readFile) }, fetch: fetch))
    }

    func setDuration(_ duration: Duration) { sandbox.withLock { $0.duration = duration.inSeconds } }

    func answer(_ request: OutgoingRequest) async -> HTTPReply {
        let sandbox = sandbox.withLock { $0 }
        return await sandbox.answer(request)
    }

    var upstream: InProcessUpstream { InProcessUpstream { [self] in .answered(await answer($0)) } }
}
