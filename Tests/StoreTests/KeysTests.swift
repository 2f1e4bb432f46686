import Domain
import Glibc
import Testing

@testable import Store

@Suite struct KeysTests {
    private func authenticate(_ token: String, _ store: SQLiteStore, at now: Instant = Shop.start) -> Authentication {
        Array(token.utf8).withUnsafeBufferPointer { store.authenticate($0, now: now) }
    }

    @Test func `a key opens its account with its scope, limits and cap`() async throws {
        try await Shop.with { shop in
            let limits = AccountLimits(requestsPerMinute: 5, concurrentTasks: 2, providers: [], lowBalance: 9)
            try await shop.store.setLimits(limits, of: shop.account, now: Shop.start)
            let (key, token) = try await shop.store.createKey(
                for: shop.account, scope: .read, label: "ci", expiresAt: nil, spendCap: 7, now: Shop.start)
            let principal = Principal(
                account: shop.account, key: key.id, scope: .read, accountName: "acme", limits: limits)
            #expect(authenticate(token, shop.store) == .known(principal, spendCap: 7))
            #expect(token.hasSuffix(key.lastFour))
            #expect(try await shop.store.account(shop.account)?.limits == limits, "no provider at all is not every one")
        }
    }

    @Test func `fault 68: what is not shaped like a key is refused before anything is looked up`() async throws {
        try await Shop.with { shop in
            let wrong = shop.token.dropLast() + (shop.token.hasSuffix("0") ? "1" : "0")
            for token in ["", "tgu_", "x" + shop.token.dropFirst(), String(wrong), shop.token + "0"] {
                #expect(authenticate(token, shop.store) == .malformed)
            }
            var random = SystemRandomNumberGenerator()
            #expect(authenticate(KeyToken.make(.user, random: &random), shop.store) == .unknown)
        }
    }

    @Test func `fault 70: a revoked, expired or disabled key is refused on the next request`() async throws {
        try await Shop.with { shop in
            let store = shop.store
            let (short, shortToken) = try await store.createKey(
                for: shop.account, scope: .user, label: "", expiresAt: Shop.start + .seconds(5), spendCap: nil,
                now: Shop.start)
            #expect(authenticate(shortToken, store, at: Shop.start + .seconds(4)) != .expired)
            #expect(authenticate(shortToken, store, at: Shop.start + .seconds(5)) == .expired)
            try await store.revokeKey(short.id, now: Shop.start)
            #expect(authenticate(shortToken, store) == .revoked)
            try await store.setDisabled(true, account: shop.account, now: Shop.start)
            #expect(authenticate(shop.token, store) == .disabled)
            try await store.setDisabled(false, account: shop.account, now: Shop.start)
            guard case .known = authenticate(shop.token, store) else { throw Unexpected("still disabled") }
            await #expect(throws: StoreError.notFound) {
                try await store.revokeKey(.new(at: Shop.start), now: Shop.start)
            }
        }
    }

    @Test func `a rotated key and its successor both work until the overlap ends`() async throws {
        try await Shop.with(spendCap: 100) { shop in
            guard case .created = try await shop.store.submit(shop.submission(shop.task(price: 90), spendCap: 100))
            else {
                throw Unexpected("a submit")
            }
            let (new, token) = try await shop.store.rotateKey(
                shop.key, overlapEnds: Shop.start + .seconds(60), now: Shop.start)
            for moment in [Shop.start, Shop.start + .seconds(59)] {
                for token in [shop.token, token] {
                    guard case .known = authenticate(token, shop.store, at: moment) else { throw Unexpected(moment) }
                }
            }
            #expect(authenticate(shop.token, shop.store, at: Shop.start + .seconds(60)) == .expired)
            let spent = try await shop.store.readers.read { database in
                let budget = try database.budget(of: new.id)
                return try database.one("SELECT spent FROM api_keys WHERE id = ?", { $0.bind(budget) }) { $0.int() }
            }
            #expect(spent == 90, "a cap is not begun again by changing the key")
        }
    }

    @Test func `keys are known again after a restart, and their use is remembered`() async throws {
        try await Shop.with { shop in
            _ = authenticate(shop.token, shop.store, at: Shop.start + .seconds(9))
            try await shop.store.recordKeyUse()
            _ = authenticate(shop.token, shop.store, at: Shop.start + .seconds(3))
            try await shop.store.recordKeyUse()
            await shop.store.close()
        } then: { shop in
            let again = try await shop.reopened()
            guard case .known = authenticate(shop.token, again) else { throw Unexpected("forgotten") }
            #expect(try await again.keys(of: shop.account).first?.lastUsedAt == Shop.start + .seconds(9))
            #expect(again.balance(of: shop.account) == 1000)
            return again
        }
    }

    @Test func `fault 69: neither tokens nor secrets are in the files`() async throws {
        try await Shop.with { shop in
            let secret = WebhookSecret(
                scheme: .hmac, bytes: Array("a secret that must not be seen!!".utf8), createdAt: Shop.start)
            let endpoint = WebhookEndpoint(
                id: .new(at: Shop.start), account: shop.account, url: "https://example.com/", description: "",
                kinds: [],
                headers: [:], requestsPerSecond: nil, concurrency: nil, createdAt: Shop.start)
            try await shop.store.createEndpoint(endpoint, secret: secret)
            #expect(try await shop.secrets(of: endpoint.id, now: Shop.start) == [secret])
            for name in ["gateway.db", "gateway.db-wal"] {
                let text = SourceText.read(shop.directory + "/" + name)
                #expect(!text.contains(shop.token))
                #expect(!text.contains("must not be seen"))
            }
        }
    }
}

@Suite struct VaultTests {
    private let vault = try? Vault(masterKey: [UInt8](repeating: 3, count: 32))

    @Test func `a sealed secret opens only unchanged, with its key, and for its owner`() throws {
        let vault = try #require(vault)
        let secret = Array("whsec".utf8)
        let sealed = vault.seal(secret, context: "endpoint 1")
        #expect(try vault.open(sealed, context: "endpoint 1") == secret)
        #expect(vault.seal(secret, context: "endpoint 1") != sealed, "never twice the same box")
        #expect(throws: StoreError.self) { try vault.open(sealed, context: "endpoint 2") }
        let other = try Vault(masterKey: [UInt8](repeating: 4, count: 32))
        #expect(throws: StoreError.self) { try other.open(sealed, context: "endpoint 1") }
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1
            #expect(throws: StoreError.self) { try vault.open(changed, context: "endpoint 1") }
        }
        for count in 0..<sealed.count {
            #expect(throws: StoreError.self) { try vault.open(Array(sealed[..<count]), context: "endpoint 1") }
        }
    }

    @Test func `keys for different purposes have nothing in common`() throws {
        let vault = try #require(vault)
        #expect(vault.signingKey("assets") == vault.signingKey("assets"))
        #expect(vault.signingKey("assets") != vault.signingKey("callbacks"))
        #expect("\(vault)" == "***")
    }

    @Test func `the master key is made once, for its owner alone, and found again`() throws {
        let directory = Shop.temporaryDirectory()
        defer { Shop.remove(directory) }
        let first = try Vault(file: directory + "/master.key")
        var status = stat()
        #expect(stat(directory + "/master.key", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(try Vault(file: directory + "/master.key").signingKey("x") == first.signingKey("x"))
        truncate(directory + "/master.key", 10)
        #expect(throws: StoreOpenError.self) { try Vault(file: directory + "/master.key") }
        #expect(throws: StoreOpenError.self) { try Vault(masterKey: [1, 2, 3]) }
    }
}
