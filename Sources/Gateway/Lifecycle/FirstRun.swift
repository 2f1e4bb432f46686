import Domain
import GLB
import JSON
import Store

/// The first start on a new data directory: an account to try things with, and what to paste.
struct FirstRun {
    let configuration: Configuration
    let store: any Store
    let url: String

    /// Makes the account if there is none at all and the configuration lets it; answers what to print, once.
    func prepare(now: Instant) async throws(StoreError) -> String? {
        guard configuration.firstRun.isEnabled ?? isTrial else { return nil }
        guard let account = try await account(now: now) else { return nil }
        if configuration.firstRun.credits > 0 {
            _ = try await store.grant(
                configuration.firstRun.credits, to: account.id, reference: "first-run", now: now)
        }
        let made = try await store.createKey(
            for: account.id, scope: .user, label: "first run", expiresAt: nil, spendCap: nil, now: now)
        return text(account: account.name, key: made.token)
    }

    /// The account to make a key for: a new one if there is none at all, or the one that a first start, which was
    /// killed before it made a key, has left.
    private func account(now: Instant) async throws(StoreError) -> Account? {
        let name = configuration.firstRun.account
        let others = try await store.accounts(cursor: nil, limit: 2).items
        guard let left = others.first else {
            return try await store.createAccount(named: name, limits: .init(), now: now)
        }
        guard others.count == 1, left.name == name, try await store.keys(of: left.id).isEmpty else { return nil }
        return left
    }

    /// Nobody has configured anything that costs money: credits may be given away.
    private var isTrial: Bool {
        configuration.file == nil
            && !Configuration.providerIDs.contains { $0 != .sandbox && configuration.isEnabled($0) }
    }

    /// The three lines work as they are in any POSIX shell with curl: the first keeps the task's id for the others.
    private func text(account: String, key: String) -> String {
        let header = "-H 'Authorization: Bearer \(key)'"
        let status = "\(url)/v1/generation-request/$TASK/status/"
        return """

            A new data directory: \(configuration.dataDirectory)
            Account "\(account)" has \(configuration.firstRun.credits) credits. Its key is shown this once:

                \(key)

            Try it: submit a picture, ask how it is going, fetch the model.

            TASK=$(curl -s \(url)/v1/3d-models/trellis2/generate/ \(header) \
            -H 'Content-Type: application/json' -H 'Prefer: wait=30' -d '{"image":"\(Self.picture)","textures":true}' \
            | grep -o '"task_id":"[^"]*"' | cut -d '"' -f 4); echo "$TASK"

            curl -s "\(status)" \(header); echo

            curl -s -o model.glb "$(curl -s "\(status)" \(header) \
            | grep -o '"asset":"[^"]*"' | cut -d '"' -f 4)" && ls -l model.glb

            """
    }

    /// A few hundred bytes of picture: a small sunset.
    private static var picture: String {
        let pixels = Pixels(width: 16, height: 12) { x, y in
            let isSun = (x - 10) * (x - 10) + (y - 5) * (y - 5) < 9
            if isSun { return SIMD4(255, 236, 170, 255) }
            return y < 8 ? SIMD4(UInt8(90 + y * 18), UInt8(60 + y * 10), 120, 255) : SIMD4(30, 52, 60, 255)
        }
        let bytes = (try? PNG.encode(pixels)) ?? []
        return "data:image/png;base64," + Base64.encode(bytes)
    }
}
