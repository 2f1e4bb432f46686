import Domain
import Store
import Testing

@testable import Webhooks

@Suite struct WebhookSenderTests {
    @Test func `what cannot be written down is sent once, and nothing else is begun meanwhile`() async throws {
        let receiver = try Receiver.answering()
        try await SenderRig.with { rig in
            let endpoint = try await rig.endpoint(receiver)
            rig.outbox.fill(true)
            try await rig.tell(endpoint, times: 10)
            try await rig.until("the store has refused twice") { rig.outbox.refusals >= 2 }
            let before = receiver.got
            #expect(!before.isEmpty && Set(before).count == before.count)
            try await rig.tell(endpoint, times: 5)
            try await rig.until("the store has refused again") { rig.outbox.refusals >= 4 }
            #expect(receiver.got == before)
            rig.outbox.fill(false)
            try await rig.until("nothing waits") { try await rig.store.webhookBacklog().pending == 0 }
            #expect(receiver.got.count == 15 && Set(receiver.got).count == 15, "each once, although it was refused")
        }
    }

    @Test func `every attempt is written down, with the endpoint's fate`() async throws {
        let receiver = try Receiver.answering("500 Oops")
        try await SenderRig.with(schedule: [0, 0.02, 0.02]) { rig in
            let endpoint = try await rig.endpoint(receiver)
            let told = try await rig.tell(endpoint, times: 3)
            try await rig.until("all are given up") { try await rig.store.webhookBacklog().pending == 0 }
            for delivery in told {
                let attempts = try await rig.store.attempts(of: delivery, account: rig.account)
                #expect(attempts.map(\.number) == [1, 2, 3] && attempts.allSatisfy { $0.status == 500 })
                #expect(attempts.last?.next == .abandoned && attempts.allSatisfy { $0.endpoint == endpoint })
            }
            #expect(receiver.got.count == 9 && Set(receiver.got).count == 3)
            #expect(try await rig.store.endpoint(endpoint, account: rig.account)?.failingSince != nil)
            let counts = rig.sender.counts
            #expect(counts.failed == 6 && counts.abandoned == 3)
            #expect(counts.attempts.counts.reduce(0, +) == 9, "the time of each is counted")
        }
    }

    @Test func `silent receivers with much to be told leave room for others, and for their owner's own`() async throws {
        let (silent, healthy) = (try Receiver.silent(), try Receiver.answering())
        try await SenderRig.with { rig in
            for _ in 0..<8 { try await rig.tell(try await rig.endpoint(silent), times: 20) }
            try await rig.until("they have what they may have") { silent.got.count >= 90 }
            let own = try await rig.endpoint(healthy)
            try await rig.tell(own, times: 20)
            let other = try await rig.store.createAccount(named: "other", limits: .init(), now: SenderRig.now())
            let theirs = try await rig.endpoint(healthy, of: other.id)
            try await rig.tell(theirs, of: other.id, times: 50)
            try await rig.until("all healthy ones are told") { healthy.got.count >= 70 }
            #expect(Set(healthy.got).count == 70)
            #expect(silent.got.count <= 110 && Set(silent.got).count == silent.got.count)
        }
    }

    @Test func `lanes held back by their rate hide nobody, and nobody asks for them in a circle`() async throws {
        let receiver = try Receiver.answering()
        try await SenderRig.with { rig in
            for _ in 0..<80 {
                try await rig.tell(try await rig.endpoint(receiver, perSecond: 0.01), times: 2)
            }
            try await rig.until("each has had one") { receiver.got.count >= 80 }
            let free = try Receiver.answering()
            try await rig.tell(try await rig.endpoint(free), times: 20)
            try await rig.until("the other is told") { free.got.count == 20 }
            try await rig.until("it is written down") { try await rig.store.webhookBacklog().pending == 80 }
            let before = rig.outbox.questions
            try await Task.sleep(for: .seconds(1))
            #expect(rig.outbox.questions - before < 20)
            #expect(receiver.got.count == 80)
        }
    }

    @Test func `a receiver that asks to be spared is spared, for all that waits for it`() async throws {
        let receiver = try Receiver.answering("429 Too Many Requests", "Retry-After: 3600\r\n")
        try await SenderRig.with(schedule: [0, 60, 60]) { rig in
            let endpoint = try await rig.endpoint(receiver)
            try await rig.tell(endpoint)
            try await rig.until("the first is refused") { receiver.got.count == 1 }
            try await rig.until("it is written down") { rig.sender.counts.failed == 1 }
            try await rig.tell(endpoint, times: 20)
            // Another receiver's delivery comes after all that could have gone to the first.
            let other = try Receiver.answering()
            let last = try await rig.tell(try await rig.endpoint(other))
            #expect(await rig.sender.nextAttempt(of: last[0]).next == .delivered)
            #expect(receiver.got.count == 1)
        }
    }

    @Test func `whoever waits for a ping hears of it, late or early, or that it is not its turn`() async throws {
        let (receiver, silent) = (try Receiver.answering(), try Receiver.silent())
        try await SenderRig.with { rig in
            let told = try await rig.tell(try await rig.endpoint(receiver))
            #expect(await rig.sender.nextAttempt(of: told[0]).status == 204)
            #expect(await rig.sender.nextAttempt(of: told[0]).status == 204, "it was tried already")
            let waiting = try await rig.tell(try await rig.endpoint(silent))
            let answer = await rig.sender.nextAttempt(of: waiting[0], atMost: .milliseconds(100))
            #expect(answer.error == "not_tried_yet" && answer.number == 0)
        }
    }

    @Test func `what is on the wire at the end is no try, and is due at the next start`() async throws {
        let silent = try Receiver.silent()
        var left: (pending: Int, tries: [Int]) = (0, [])
        try await SenderRig.with { rig in
            let endpoint = try await rig.endpoint(silent)
            try await rig.tell(endpoint, times: 3)
            try await rig.until("they are on the wire") { silent.got.count == 3 }
            async let drained: Void = rig.sender.drain()
            await rig.closeClient()
            await drained
            left.pending = try await rig.store.webhookBacklog().pending
            left.tries = try await rig.store.dueDeliveries(
                [LaneWish(lane: .endpoint(endpoint), limit: 9)], now: SenderRig.now()
            ).flatMap(\.deliveries).map(\.delivery.tries)
        }
        #expect(left.pending == 3 && left.tries == [0, 0, 0])
    }

    @Test func `what the client had no room for is no try, and is sent when it has`() async throws {
        let (slow, receiver) = (try Receiver.silent(), try Receiver.answering())
        try await SenderRig.with(callsInFlight: 1) { rig in
            let first = try await rig.endpoint(slow)
            try await rig.tell(first)
            try await rig.until("the only place is taken") { slow.got.count == 1 }
            let second = try await rig.endpoint(receiver)
            let told = try await rig.tell(second)
            try await rig.until("the other finds none") { rig.turnedAway >= 1 }
            slow.hangUp()
            #expect(await rig.sender.nextAttempt(of: told[0], atMost: .seconds(30)).number == 1)
            #expect(receiver.got.count == 1)
        }
    }
}
