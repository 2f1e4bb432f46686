import Domain
import Foundation
import Testing

@testable import Store

struct KeptAnswersTests {
    private func key(
        _ text: String = "k-1", act: String = "webhook-endpoints", print: UInt8 = 1, life: Duration = .seconds(60)
    ) -> IdempotencyKey {
        IdempotencyKey(
            endpoint: act, key: text, fingerprint: [UInt8](repeating: print, count: 32), expiresAt: Shop.start + life)
    }

    private func make(
        _ shop: Shop, _ key: IdempotencyKey, answering body: String, at now: Instant = Shop.start,
        account: AccountID? = nil
    ) async throws -> Replay? {
        let endpoint = WebhookEndpoint(
            id: .new(at: now), account: account ?? shop.account, url: "https://example.com/hook", description: "",
            kinds: [], headers: [:], requestsPerSecond: nil, concurrency: nil, createdAt: now)
        return try await shop.store.createEndpoint(
            endpoint, secret: WebhookSecret(scheme: .hmac, bytes: [1, 2, 3], createdAt: now),
            answer: KeptAnswer(key: key, body: Array(body.utf8), at: now))
    }

    private func kept(
        _ store: SQLiteStore, _ key: IdempotencyKey, of account: AccountID, at now: Instant = Shop.start
    ) async throws -> String? {
        text(try await store.keptAnswer(key, account: account, now: now))
    }

    private func text(_ replay: Replay?) -> String? {
        guard case .answer(_, let body)? = replay else { return nil }
        return String(decoding: body, as: UTF8.self)
    }

    @Test func `the first answer is given again, and its act not done again`() async throws {
        try await Shop.with { shop in
            let first = try await make(shop, key(), answering: "first")
            let second = try await make(shop, key(), answering: "second")
            let endpoints = try await shop.store.endpoints(of: shop.account)
            #expect(first == nil && text(second) == "first" && endpoints.count == 1)
        } then: { shop in
            let store = try await shop.reopened()
            let kept = try await kept(store, key(), of: shop.account)
            #expect(kept == "first", "a restart in between changes nothing")
            return store
        }
    }

    @Test func `the same key with another request is a mismatch, and does nothing`() async throws {
        try await Shop.with { shop in
            _ = try await make(shop, key(), answering: "first")
            guard case .mismatch? = try await make(shop, key(print: 2), answering: "second") else {
                Issue.record("another request under the key was not told from the first")
                return
            }
            #expect(try await shop.store.endpoints(of: shop.account).count == 1)
        }
    }

    @Test func `a key is its account's and its act's alone`() async throws {
        try await Shop.with { shop in
            let other = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start)
            _ = try await make(shop, key(), answering: "mine")
            #expect(try await kept(shop.store, key(), of: other.id) == nil)
            #expect(try await make(shop, key(), answering: "theirs", account: other.id) == nil)
            #expect(try await make(shop, key(act: "another act"), answering: "another") == nil)
            #expect(try await kept(shop.store, key(), of: shop.account) == "mine")
        }
    }

    @Test func `after its time the key is new`() async throws {
        try await Shop.with { shop in
            _ = try await make(shop, key(), answering: "first")
            let later = Shop.start + .seconds(61)
            #expect(try await kept(shop.store, key(), of: shop.account, at: later) == nil)
            let renewed = key(life: .seconds(120))
            #expect(try await make(shop, renewed, answering: "second", at: later) == nil)
            #expect(try await kept(shop.store, renewed, of: shop.account, at: later) == "second")
        }
    }

    @Test func `an act that fails keeps no answer`() async throws {
        try await Shop.with { shop in
            let nobody = AccountID.new(at: Shop.start)
            await #expect(throws: StoreError.self) {
                try await make(shop, key(), answering: "first", account: nobody)
            }
            let kept = try await kept(shop.store, key(), of: nobody)
            #expect(kept == nil)
        }
    }

    @Test func `a stolen copy of the database does not tell the answer`() async throws {
        let secret = "whsec_aSecretThatOnlyItsOwnerSees"
        try await Shop.with { shop in
            _ = try await make(shop, key(), answering: secret)
            let names = try FileManager.default.contentsOfDirectory(atPath: shop.directory)
            let contents = names.compactMap { FileManager.default.contents(atPath: "\(shop.directory)/\($0)") }
            #expect(contents.contains { $0.range(of: Data("k-1".utf8)) != nil }, "the row is there to be read")
            #expect(contents.allSatisfy { $0.range(of: Data(secret.utf8)) == nil })
        }
    }
}
