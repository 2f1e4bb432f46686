import Domain
import Synchronization
import Testing

@testable import Store

@Suite struct WebhookStoreTests {
    private func endpoint(
        _ shop: Shop, _ url: String = "https://example.com/hook", kinds: Set<Event.Kind> = [], account: AccountID? = nil
    ) async throws -> WebhookEndpoint {
        let endpoint = WebhookEndpoint(
            id: .new(at: Shop.start), account: account ?? shop.account, url: url, description: "mine", kinds: kinds,
            headers: ["X-Env": "prod"], requestsPerSecond: 2.5, concurrency: 3, createdAt: Shop.start)
        try await shop.store.createEndpoint(
            endpoint, secret: WebhookSecret(scheme: .hmac, bytes: [1, 2, 3], createdAt: Shop.start))
        return endpoint
    }

    private func due(_ shop: Shop, _ lane: WebhookLane, at now: Instant = Shop.start) async throws -> [DueDelivery] {
        try await shop.store.dueDeliveries([LaneWish(lane: lane, limit: 100)], now: now).flatMap(\.deliveries)
    }

    private func lanes(_ shop: Shop, after lane: WebhookLane? = nil, limit: Int = 9) async throws -> [WebhookLane] {
        try await shop.store.dueLanes(after: lane, limit: limit, now: Shop.start).lanes.map(\.lane)
    }

    private func attempt(
        _ delivery: DueDelivery, _ next: DeliveryAttempt.Next, at: Instant = Shop.start
    ) -> DeliveryAttempt {
        DeliveryAttempt(
            delivery: delivery.delivery.id, endpoint: delivery.endpoint?.id, number: delivery.delivery.tries + 1,
            at: at,
            milliseconds: 5, status: next == .delivered ? 200 : 500, error: nil, excerpt: "ok", next: next)
    }

    @Test func `a commit tells of mail when it inserted some that is to be sent, and only then`() async throws {
        try await Shop.with { shop in
            let told = Mutex(0)
            shop.store.onMail { told.withLock { $0 += 1 } }
            let untold = try await shop.submit(shop.task())
            try await shop.finish(untold.id)
            #expect(told.withLock { $0 } == 0)
            _ = try await endpoint(shop)
            let task = try await shop.submit(shop.task())
            #expect(told.withLock { $0 } == 0)
            try await shop.finish(task.id)
            #expect(told.withLock { $0 } > 0)
        }
    }

    @Test func `an end is told to everyone who wants to know, in the transaction that makes it true`() async throws {
        try await Shop.with { shop in
            let all = try await endpoint(shop)
            let failures = try await endpoint(shop, "https://example.com/2", kinds: [.taskFailed])
            let other = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start)
            _ = try await endpoint(shop, "https://example.com/3", account: other.id)
            let request = GenerationRequest(
                picture: .url("https://example.com/a.png"), webhookURL: "https://one.example:8443/path?x=1")
            let task = try await shop.submit(shop.task(request: request))
            try await shop.finish(task.id)
            let origin = WebhookLane.origin("https://one.example:8443", shop.account)
            #expect(Set(try await lanes(shop)) == [.endpoint(all.id), origin])
            let told = try await due(shop, .endpoint(all.id))
            #expect(told.map(\.event.kind) == [.taskStarted, .taskFinished])
            #expect(told.allSatisfy { $0.endpoint == all && $0.secrets.map(\.bytes) == [[1, 2, 3]] })
            let own = try await due(shop, origin)
            #expect(own.map(\.event.id) == told.map(\.event.id), "one id for everyone")
            #expect(own.map(\.event.body) == told.map(\.event.body))
            #expect(own.first?.delivery.url == request.webhookURL)
            #expect(try await due(shop, .endpoint(failures.id)).isEmpty)
        }
    }

    @Test func `an attempt decides what is next, and a failing endpoint is known since when`() async throws {
        try await Shop.with { shop in
            let endpoint = try await endpoint(shop, kinds: [.taskCanceled])
            let failure = Failure(code: "canceled", message: "by you")
            for _ in 0..<2 {
                let task = try await shop.submit(shop.task())
                _ = try await shop.store.cancel(task.id, account: nil, failure: failure, at: Shop.start)
            }
            let lane = WebhookLane.endpoint(endpoint.id)
            let both = try await due(shop, lane)
            let later = Shop.start + .seconds(5)
            try await shop.store.record([attempt(both[0], .retry(at: later)), attempt(both[1], .abandoned)])
            // The same report twice, as after a crash between sending and noting.
            try await shop.store.record([attempt(both[0], .retry(at: later))])
            #expect(try await due(shop, lane).isEmpty)
            let look = try await shop.store.dueLanes(after: nil, limit: 9, now: Shop.start)
            #expect(look.lanes.isEmpty && look.next == later)
            #expect(try await shop.store.dueLanes(after: lane, limit: 9, now: Shop.start).next == nil)
            #expect(try await shop.store.endpoint(endpoint.id, account: shop.account)?.failingSince == Shop.start)
            let again = try await due(shop, lane, at: later)
            #expect(again.map(\.delivery.tries) == [1])
            try await shop.store.record([attempt(again[0], .delivered, at: later)])
            #expect(try await shop.store.endpoint(endpoint.id, account: shop.account)?.failingSince == nil)
            let stories = try await shop.store.deliveries(of: endpoint.id, account: shop.account, cursor: nil, limit: 9)
            #expect(
                stories.items.map(\.delivery.state).sorted { $0.rawValue < $1.rawValue } == [.abandoned, .delivered])
            // Page by page each comes once.
            var (paged, cursor) = ([DeliveryID](), String?.none)
            repeat {
                let page = try await shop.store.deliveries(
                    of: endpoint.id, account: shop.account, cursor: cursor, limit: 1)
                paged += page.items.map(\.delivery.id)
                cursor = page.next
            } while cursor != nil && paged.count < 9
            #expect(paged == stories.items.map(\.delivery.id))
            let told = try await shop.store.attempts(of: both[0].delivery.id, account: shop.account)
            #expect(told.map(\.next) == [.retry(at: later), .delivered])
            #expect(try await shop.store.webhookBacklog().pending == 0)
        }
    }

    @Test func `an endpoint that is off misses nothing it cannot ask for again`() async throws {
        try await Shop.with { shop in
            let one = try await endpoint(shop, kinds: [.taskCanceled])
            let two = try await endpoint(shop, "https://example.com/2", kinds: [.endpointDisabled])
            let failure = Failure(code: "canceled", message: "by you")
            func end() async throws {
                let task = try await shop.submit(shop.task())
                _ = try await shop.store.cancel(task.id, account: nil, failure: failure, at: Shop.start)
            }
            try await end()
            try await shop.store.disableEndpoint(one.id, reason: "gone", now: Shop.start)
            try await shop.store.disableEndpoint(one.id, reason: "again", now: Shop.start)
            #expect(try await lanes(shop) == [.endpoint(two.id)])
            #expect(try await due(shop, .endpoint(two.id)).map(\.event.kind) == [.endpointDisabled])
            try await end()
            #expect(try await shop.store.endpoint(one.id, account: shop.account)?.disabledReason == "gone")
            try await shop.store.enableEndpoint(one.id, account: shop.account, now: Shop.start)
            #expect(try await due(shop, .endpoint(one.id)).count == 1, "what was waiting goes on")
            let sent = try await due(shop, .endpoint(one.id))
            try await shop.store.record([attempt(sent[0], .delivered)])
            let count = try await shop.store.recover(
                one.id, account: shop.account, since: Shop.start, until: Shop.start, now: Shop.start)
            #expect(count == 1, "only what had no success")
            let missed = try await due(shop, .endpoint(one.id))
            #expect(missed.count == 1 && missed[0].event.id != sent[0].event.id)
            try await shop.store.resend(sent[0].delivery.id, account: shop.account, now: Shop.start)
            #expect(try await due(shop, .endpoint(one.id)).count == 2)
        }
    }

    @Test func `a rotated secret signs beside the new one until its time is over, and ten at most`() async throws {
        try await Shop.with { shop in
            let endpoint = try await endpoint(shop)
            for number in UInt8(10)..<25 {
                try await shop.store.rotateSecret(
                    endpoint.id, to: WebhookSecret(scheme: .hmac, bytes: [number], createdAt: Shop.start),
                    overlapEnds: Shop.start + .seconds(Int(number)), now: Shop.start)
            }
            let now = try await shop.secrets(of: endpoint.id, now: Shop.start)
            #expect(now.map(\.bytes) == (14...24).reversed().map { [UInt8($0)] })
            #expect(now.first?.endsAt == nil)
            #expect(
                try await shop.secrets(of: endpoint.id, now: Shop.start + .seconds(60)).map(\.bytes) == [[24]])
            // No overlap, no old secret: not that of an earlier rotation either.
            try await shop.store.rotateSecret(
                endpoint.id, to: WebhookSecret(scheme: .hmac, bytes: [25], createdAt: Shop.start),
                overlapEnds: Shop.start, now: Shop.start)
            #expect(try await shop.secrets(of: endpoint.id, now: Shop.start).map(\.bytes) == [[25]])
            let first = try await shop.store.defaultSecret(of: shop.account) {
                WebhookSecret(scheme: .hmac, bytes: [9], createdAt: Shop.start)
            }
            let second = try await shop.store.defaultSecret(of: shop.account) {
                WebhookSecret(scheme: .hmac, bytes: [8], createdAt: Shop.start)
            }
            #expect(first == second)
        }
    }

    @Test func `a deleted endpoint takes what was waiting with it, and another's is not found`() async throws {
        try await Shop.with { shop in
            var mine = try await endpoint(shop)
            let other = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start)
            try await shop.finish(try await shop.submit(shop.task()).id)
            #expect(try await shop.store.endpoint(mine.id, account: other.id) == nil)
            await #expect(throws: StoreError.notFound) {
                try await shop.store.deleteEndpoint(mine.id, account: other.id, now: Shop.start)
            }
            mine.url = "https://example.com/moved"
            try await shop.store.updateEndpoint(mine)
            #expect(try await due(shop, .endpoint(mine.id)).map(\.delivery.url) == [mine.url, mine.url])
            try await shop.store.deleteEndpoint(mine.id, account: shop.account, now: Shop.start)
            #expect(try await shop.store.endpoints(of: shop.account).isEmpty)
            #expect(try await shop.store.webhookBacklog().pending == 0)
            #expect(try await lanes(shop).isEmpty)
        }
    }

    @Test func `a ping goes to its endpoint only`() async throws {
        try await Shop.with { shop in
            let (one, two) = (try await endpoint(shop, kinds: [.taskFailed]), try await endpoint(shop))
            let event = Event(
                id: .new(at: Shop.start), account: shop.account, kind: .ping, task: nil, at: Shop.start,
                body: [0x7B, 0x7D])
            let delivery = try await shop.store.announce(event, to: one.id)
            #expect(try await due(shop, .endpoint(one.id)).map(\.delivery.id) == [delivery])
            #expect(try await due(shop, .endpoint(two.id)).isEmpty)
        }
    }

    @Test func `many lanes are looked at a few at a time, and none is passed over`() async throws {
        try await Shop.with { shop in
            var expected: Set<WebhookLane> = []
            for number in 0..<7 {
                expected.insert(.endpoint(try await endpoint(shop, "https://example.com/\(number)").id))
            }
            try await shop.finish(try await shop.submit(shop.task()).id)
            var found: [WebhookLane] = []
            var last: WebhookLane?
            repeat {
                let look = try await shop.store.dueLanes(after: last, limit: 3, now: Shop.start)
                #expect(look.lanes.count <= 3 && look.lanes.allSatisfy { $0.account == shop.account })
                found += look.lanes.map(\.lane)
                last = look.last
            } while last != nil
            #expect(found.count == 7 && Set(found) == expected)
        }
    }

    @Test func `what is on its way is not read again, and what is left is told of`() async throws {
        try await Shop.with { shop in
            let (one, two) = (try await endpoint(shop), try await endpoint(shop, "https://example.com/2"))
            for _ in 0..<3 { try await shop.finish(try await shop.submit(shop.task()).id) }
            let all = try await due(shop, .endpoint(one.id)).map(\.delivery.id)
            #expect(all.count == 6)
            let wishes = [
                LaneWish(lane: .endpoint(one.id), limit: 2, except: Set(all[..<3])),
                LaneWish(lane: .endpoint(two.id), limit: 6),
            ]
            let mail = try await shop.store.dueDeliveries(wishes, now: Shop.start)
            #expect(mail.map(\.lane) == wishes.map(\.lane))
            #expect(mail[0].deliveries.map(\.delivery.id) == Array(all[3..<5]) && mail[0].isMore)
            #expect(mail[1].deliveries.count == 6 && !mail[1].isMore)
        }
    }

    @Test func `in one write an endpoint that got through and failed again fails since then`() async throws {
        try await Shop.with { shop in
            let endpoint = try await endpoint(shop)
            for _ in 0..<2 { try await shop.finish(try await shop.submit(shop.task()).id) }
            let all = try await due(shop, .endpoint(endpoint.id))
            let at = (0..<4).map { Shop.start + .seconds($0) }
            func since() async throws -> Instant? {
                try await shop.store.endpoint(endpoint.id, account: shop.account)?.failingSince
            }
            try await shop.store.record([attempt(all[0], .abandoned, at: at[0])])
            #expect(try await since() == at[0])
            try await shop.store.record([
                attempt(all[1], .delivered, at: at[1]), attempt(all[2], .abandoned, at: at[2]),
                attempt(all[3], .abandoned, at: at[3]),
            ])
            #expect(try await since() == at[2])
        }
    }

    @Test func `an endpoint that was enabled again has not failed yet`() async throws {
        try await Shop.with { shop in
            let endpoint = try await endpoint(shop)
            try await shop.finish(try await shop.submit(shop.task()).id)
            let all = try await due(shop, .endpoint(endpoint.id))
            try await shop.store.record([attempt(all[0], .abandoned)])
            #expect(try await shop.store.endpoint(endpoint.id, account: shop.account)?.failingSince == Shop.start)
            try await shop.store.disableEndpoint(endpoint.id, reason: "failing", now: Shop.start)
            try await shop.store.enableEndpoint(endpoint.id, account: shop.account, now: Shop.start)
            // Else its next failure would disable it at once.
            #expect(try await shop.store.endpoint(endpoint.id, account: shop.account)?.failingSince == nil)
        }
    }

    @Test func `what two accounts send to one host goes in two lanes`() async throws {
        try await Shop.with { shop in
            let other = try await shop.store.createAccount(named: "other", limits: .init(), now: Shop.start)
            _ = try await shop.store.grant(1000, to: other.id, reference: "start", now: Shop.start)
            for account in [shop.account, other.id] {
                let request = GenerationRequest(
                    picture: .url("https://example.com/a.png"), webhookURL: "https://hooks.example/\(account)")
                try await shop.finish(try await shop.submit(shop.task(request: request, account: account)).id)
            }
            let origin = "https://hooks.example"
            #expect(Set(try await lanes(shop)) == [.origin(origin, shop.account), .origin(origin, other.id)])
            #expect(try await due(shop, .origin(origin, other.id)).allSatisfy { $0.account == other.id })
        }
    }

    @Test func `one event goes again to everyone, or to one, delivered or not`() async throws {
        try await Shop.with { shop in
            let (one, two) = (try await endpoint(shop), try await endpoint(shop, "https://example.com/2"))
            try await shop.finish(try await shop.submit(shop.task()).id)
            let all = try await due(shop, .endpoint(one.id)) + due(shop, .endpoint(two.id))
            try await shop.store.record(all.map { attempt($0, .delivered) })
            let event = all[0].event
            #expect(try await shop.store.resend(event.id, to: two.id, now: Shop.start) == 1)
            #expect(try await due(shop, .endpoint(one.id)).isEmpty)
            #expect(try await shop.store.resend(event.id, to: nil, now: Shop.start) == 2)
            for lane in [WebhookLane.endpoint(one.id), .endpoint(two.id)] {
                let again = try await due(shop, lane)
                #expect(again.map(\.event) == [event] && again.map(\.delivery.tries) == [1])
            }
            #expect(try await shop.store.resend(.new(at: Shop.start), to: nil, now: Shop.start) == 0)
        }
    }
}
