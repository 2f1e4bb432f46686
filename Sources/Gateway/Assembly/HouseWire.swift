import Glibc
import HTTP
import HTTPClient
import Sandbox
import Synchronization
import Work

/// The egress rules in force, for those who ask at every call: a reload changes them under way.
final class Rules: Sendable {
    private let current: Mutex<CallPolicy>

    init(_ policy: CallPolicy) { current = Mutex(policy) }

    var policy: CallPolicy {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}

/// The way out for files: over the network, or from the sandbox, whose addresses lead nowhere else.
final class HouseWire: Wire {
    private let client: HTTPClient
    private let sandbox: SandboxRoom
    private let policy: @Sendable () -> CallPolicy

    init(client: HTTPClient, sandbox: SandboxRoom, policy: @escaping @Sendable () -> CallPolicy) {
        self.client = client
        self.sandbox = sandbox
        self.policy = policy
    }

    private var network: ClientWire { ClientWire(client, policy: policy()) }

    func download(_ url: String, to descriptor: Int32, limit: Int64, timeout: Duration) async -> Transfer {
        guard url.hasPrefix(Sandbox.baseURL + "/") else {
            return await network.download(url, to: descriptor, limit: limit, timeout: timeout)
        }
        let reply = await sandbox.answer(OutgoingRequest(.get, url))
        guard reply.status == .ok else { return .never("status \(reply.status.code)") }
        guard reply.body.count <= limit else { return .never("larger than \(limit) bytes") }
        guard Self.write(reply.body, to: descriptor) else { return .ours("could not write the file") }
        return .done(bytes: Int64(reply.body.count))
    }

    func upload(_ path: String, contentType: String, to url: String, timeout: Duration) async -> Transfer {
        await network.upload(path, contentType: contentType, to: url, timeout: timeout)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
